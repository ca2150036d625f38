"""Share codes: what was written is read, and nothing else is."""

import base64
import hashlib
import json
import random
import re
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import (
    ClassificationSettings,
    ParameterError,
    Recipe,
    Settings,
    read_share_code,
    share_code,
)
from labkit.session.settings.changes import without_overruled
from labkit.session.sharing.share import MOST_BYTES, PREFIX
from tests.session.recipes import recipes

RECIPE = Recipe(
    Settings(alpha=0.02, order=1, events=((40, "alpha", 0.5), (90, "algorithm", "anil"))),
    meta_step=120,
    tasks="Sinusoid",
    model="sinusoid_mlp",
    dtype="float64",
)
CODE = share_code(RECIPE)


def forged(content: Any) -> str:
    """A code with a good checksum around anything."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    packer = zlib.compressobj(9, wbits=-15)
    return sealed(packer.compress(text) + packer.flush())


def sealed(packed: bytes) -> str:
    payload = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    digest = hashlib.sha256(payload.encode()).digest()[:6]
    return f"maml1.{payload}.{base64.urlsafe_b64encode(digest).decode()}"


@given(recipes())
def test_round_trip(recipe: Recipe) -> None:
    again = read_share_code(share_code(recipe))
    kept = recipe.settings.changed(events=without_overruled(recipe.settings.events))
    assert again == Recipe(
        kept, recipe.meta_step, recipe.tasks, recipe.model, recipe.dtype, recipe.batch_norm
    )
    assert type(again.settings) is type(recipe.settings)


def test_the_last_change_at_one_meta_step_is_kept() -> None:
    dragged = [(7, "alpha", 0.1), (7, "beta", 0.2), (7, "alpha", 0.3), (8, "alpha", 0.3)]
    read = read_share_code(share_code(Recipe(Settings.checked({"events": dragged}))))
    assert read.settings.events == ((7, "beta", 0.2), (7, "alpha", 0.3), (8, "alpha", 0.3))


def test_codes_are_short() -> None:
    assert len(share_code(Recipe(Settings()))) < 64
    assert len(CODE) < 300
    assert re.fullmatch(r"maml1\.[\w-]+\.[\w-]{8}", CODE)
    rng = random.Random(0)
    events, meta_step = [], 0
    for _ in range(500):
        meta_step += rng.randrange(20)
        # as sliders give them: three significant digits
        value = float(f"{10 ** rng.uniform(-4, 0):.3g}")
        events.append((meta_step, rng.choice(["alpha", "beta"]), value))
    assert len(share_code(Recipe(Settings.checked({"events": events}), meta_step))) < 4000


def test_codes_of_the_first_version_stay_readable() -> None:
    """Written once and kept: codes are in messages and in papers.

    What it leaves out are the defaults. If this fails because a default has changed, codes need
    another prefix, and those with this one the defaults as they were.
    """
    kept = (
        "maml1.NY7BagMxDER_JeiUgglOk21hoafSL-hxWRbF1sZObGux1YUS8u9RDrlJM2-GucEJxYWpcM3Qg1"
        "Qszf85iSuBAS__C6k8J0b5OKpyjcWr8J2wtThHhxK5_JJILOemfibBqQkt0H92-rKnpLzjsh63LmAplN"
        "rXwWzmmISqnu9vGmuvhv4GmM5co4TnnqWy8JQxJ4VO2g293Vl7MEArFVF-GKzprLGjGYCrp6ogpiXgsz"
        "WwIursjd3tTTeOdwOC7ao5-Ml8iXB_AA.8F0loYbk"
    )
    assert read_share_code(kept) == Recipe(
        ClassificationSettings(
            alpha=0.01,
            beta=0.003,
            inner_steps=1,
            order=2,
            algorithm="proto_maml",
            alpha_learned="no",
            shots=1,
            meta_batch=25,
            meta_steps=2000,
            meta_optimizer="adam",
            seed=0,
            events=((0, "order", 1), (50, "alpha", 0.1), (50, "shots", 5)),
            ways=5,
        ),
        meta_step=75,
        tasks="Emoji",
        model="conv4(channels=3, filters=32)",
        dtype="float64",
        batch_norm="transductive",
    )
    blank = "maml1.q1bKzsxLUbJSCk4tKcnMSy9W0lEqhjGtqmtrAQ.7c56B_Bq"
    assert read_share_code(blank) == Recipe(
        Settings(
            alpha=0.01,
            beta=0.001,
            inner_steps=1,
            order=2,
            algorithm="maml",
            alpha_learned="no",
            shots=10,
            meta_batch=25,
            meta_steps=2000,
            meta_optimizer="adam",
            seed=0,
            events=(),
        ),
        meta_step=0,
        tasks="custom",
        model="custom",
    )


@pytest.mark.parametrize(
    "around",
    [
        "  {}\n",
        "`{}`",
        "```\n{}\n```",
        "“{}”",
        "'{}',",
        "<{}>.",
        "\ufeff{}\u200b",
    ],
)
def test_what_stands_around_a_code_does_not_matter(around: str) -> None:
    assert read_share_code(around.format(CODE)) == RECIPE


@pytest.mark.parametrize("between", ["\n", "\r\n", " ", "\n> ", "\n\t> > ", "\u00a0", "\u200b"])
def test_broken_lines_do_not_matter(between: str) -> None:
    lines = [CODE[at : at + 20] for at in range(0, len(CODE), 20)]
    assert read_share_code(between.join(lines)) == RECIPE


@given(st.integers(len(PREFIX) + 1, len(CODE) - 1))
def test_cut_short(length: int) -> None:
    with pytest.raises(ParameterError, match="cut short: copy it again up to its last letter"):
        read_share_code(CODE[:length])


@given(st.integers(len(PREFIX), len(CODE) - 1), st.sampled_from("aZ0-_+/=é\ud800"))
def test_one_letter_changed(at: int, letter: str) -> None:
    changed = CODE[:at] + letter + CODE[at + 1 :]
    if changed != CODE:
        with pytest.raises(ParameterError, match=r"is corrupted|cut short"):
            read_share_code(changed)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' does not begin a share code, which begins with 'maml1.'"),
        ("alpha: 0.01", "does not begin a share code"),
        (CODE[3:], "does not begin a share code, .* from its first letter on"),
        ("maml." + CODE[6:], "does not begin a share code"),
        ("maml1.", "this share code is cut short"),
        ("maml2." + CODE[6:], "begins with 'maml2.' and comes from a newer version.* update"),
        ("maml13.abc", "comes from a newer version"),
        (CODE + " and thanks", "is corrupted: .* extra text was copied"),
        (CODE + "\n" + CODE, "is corrupted"),
        (CODE * 1000, "this is no share code: it has .* characters"),
        (None, "a share code is text that begins with 'maml1.', got None"),
        (b"maml1.", "a share code is text"),
    ],
)
def test_what_is_no_code(text: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        read_share_code(text)


WHOLE: dict[str, Any] = {"kind": "Settings", "settings": {}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "it holds no settings"),
        ([], "it holds no settings"),
        (7, "it holds no settings"),
        ({**WHOLE, "settings": []}, "it holds no settings"),
        ({**WHOLE, "kind": "Dict"}, "its settings are of an unknown kind"),
        ({**WHOLE, "kind": None}, "its settings are of an unknown kind"),
        ({**WHOLE, "kind": ["Settings"]}, "its settings are of an unknown kind"),
        ({**WHOLE, "colour": 1}, "it holds 'colour', which no recipe has.* Update maml-lab"),
        (
            {**WHOLE, "settings": {"gamma": 1}},
            "contains an invalid setting: gamma = 1: there is no parameter",
        ),
        (
            {**WHOLE, "settings": {"ways": 3}},
            "contains an invalid setting: ways = 3: there is no parameter",
        ),
        (
            {**WHOLE, "settings": {"alpha": "0.1"}},
            "contains an invalid setting: alpha = '0.1': must be a fin",
        ),
        (
            {**WHOLE, "settings": {"alpha": True}},
            "contains an invalid setting: alpha = True: must be a finite",
        ),
        (
            {**WHOLE, "settings": {"alpha": float("nan")}},
            "contains an invalid setting: alpha = nan: must be",
        ),
        ({**WHOLE, "settings": {"inner_steps": 1.5}}, "inner_steps = 1.5: must be a whole number"),
        ({**WHOLE, "settings": {"algorithm": "proto_maml"}}, "algorithm = 'proto_maml': must be"),
        (
            {**WHOLE, "meta_step": "7"},
            "contains an invalid setting: meta_step = '7': must be a whole number",
        ),
        (
            {**WHOLE, "meta_step": None},
            "contains an invalid setting: meta_step = None: must be a whole number",
        ),
        (
            {**WHOLE, "tasks": 7},
            "contains an invalid setting: tasks = 7: must be 'custom' or one of",
        ),
        ({**WHOLE, "tasks": "os.system"}, "'os.system' names no tasks or model"),
        ({**WHOLE, "dtype": {}}, "contains an invalid setting: dtype = {}: must be"),
        ({**WHOLE, "settings": {"events": 7}}, "its events are not three columns"),
        ({**WHOLE, "settings": {"events": [[1], ["alpha"]]}}, "its events are not three columns"),
        ({**WHOLE, "settings": {"events": [[1], ["alpha"], []]}}, "are not three columns"),
        ({**WHOLE, "settings": {"events": [[1], "a", [2]]}}, "are not three columns"),
        ({**WHOLE, "settings": {"events": [["1"], ["alpha"], [1]]}}, "meta-steps are not whole"),
        ({**WHOLE, "settings": {"events": [[True], ["alpha"], [1]]}}, "meta-steps are not whole"),
        (
            {**WHOLE, "settings": {"events": [[1, -1], ["beta"] * 2, [1, 1]]}},
            "is earlier than the event above it",
        ),
        ({**WHOLE, "settings": {"events": [[1], ["seed"], [1]]}}, r"events\[0\] = .*'seed'"),
        ({**WHOLE, "settings": {"events": [[1], [[]], [1]]}}, r"events\[0\] = "),
        (b"{", "was not made by this version of MAML Lab: Expecting"),
        (b"\xff\xfe\x00", "was not made by this version of MAML Lab"),
        (b"[" * 100_000, "was not made by this version of MAML Lab"),
        (b"9" * 10_000, "was not made by this version of MAML Lab"),
        (b"", "does not unpack|Expecting"),
    ],
)
def test_a_good_checksum_around_what_cannot_be(content: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        read_share_code(forged(content))


def test_a_good_checksum_around_no_packed_text() -> None:
    whole = zlib.compress(json.dumps(WHOLE).encode(), wbits=-15)
    read_share_code(sealed(whole))
    for packed in (b"", b"\xff" * 9, whole[:-2], whole + b"more"):
        with pytest.raises(ParameterError, match="was not made by this version of MAML Lab"):
            read_share_code(sealed(packed))


def test_a_code_unpacks_to_a_bounded_size() -> None:
    bomb = forged(b" " * 20_000_000 + json.dumps(WHOLE).encode())
    assert len(bomb) < 100_000
    with pytest.raises(ParameterError, match=f"not unpack to a whole of less than {MOST_BYTES}"):
        read_share_code(bomb)


def test_too_many_events_for_a_code() -> None:
    rng = random.Random(0)
    events = [(step, "alpha", rng.random()) for step in range(20_000)]
    with pytest.raises(ParameterError, match=r"20000 events are too many .* see parameters_yaml"):
        share_code(Recipe(Settings.checked({"events": events})))


def test_what_is_written_can_be_read_up_to_the_last_event() -> None:
    """The bounds on writing are not wider than those on reading."""
    rng = random.Random(0)
    events = [(step, "alpha", rng.random()) for step in range(6_000)]
    recipe = Recipe(Settings.checked({"events": events}))
    assert read_share_code(share_code(recipe)) == recipe


def test_complaints_about_many_events_are_bounded() -> None:
    columns = [[0] * 5000, ["gamma"] * 5000, [1] * 5000]
    with pytest.raises(ParameterError, match="events: and 4990 more") as error:
        read_share_code(forged({**WHOLE, "settings": {"events": columns}}))
    assert len(str(error.value).splitlines()) == 11
