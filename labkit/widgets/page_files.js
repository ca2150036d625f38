// Texts for the clipboard and files to download, as the kernel sends them.

async function pageCopy(root, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // without permission, or a page that is not secure: the old way
    const area = dashboardElement("textarea", "maml-lab-copied");
    area.value = text;
    root.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function pageDownload(filename, content) {
  const address = URL.createObjectURL(new Blob([content]));
  const link = dashboardElement("a", "");
  link.href = address;
  link.download = filename;
  link.click();
  // the download has begun, but has not read it all yet
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function pageAnswer(root, message, buffers) {
  if (message.kind === "copy") pageCopy(root, message.text);
  if (message.kind === "file") pageDownload(message.filename, buffers[0]);
}
