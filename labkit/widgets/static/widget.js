var pageClock={now:()=>performance.now(),after:(ms,run)=>window.setTimeout(run,ms),cancel:timer=>window.
clearTimeout(timer),nextFrame:run=>window.requestAnimationFrame(run),cancelFrame:frame=>window.cancelAnimationFrame(
frame)};var ACTS=["pointerdown","wheel","touchstart","keydown"],Attention=class{constructor(root){this.root=
root;let{signal}=this.listening,note=()=>{this.acted=!0};for(let act of ACTS)addEventListener(act,note,
{capture:!0,passive:!0,signal})}root;listening=new AbortController;acted=!1;attend(){this.acted||(this.
root.scrollIntoView({block:"start"}),this.root.querySelector(".maml-lab-primary")?.focus({preventScroll:!0}))}stop(){
this.listening.abort()}};function element(tag,attributes={},...children){let node=document.createElement(tag);for(let[name,value]of Object.
entries(attributes))node.setAttribute(name,String(value));return node.append(...children),node}function write(target,text){
let{firstChild}=target;firstChild instanceof Text?firstChild.data!==text&&(firstChild.data=text):target.
textContent=text}function download(filename,content){let url=URL.createObjectURL(content);element("a",
{href:url,download:filename}).click(),setTimeout(()=>URL.revokeObjectURL(url),6e4)}async function copyText(root,text){try{await navigator.clipboard.writeText(text)}catch{let area=element(
"textarea",{class:"maml-lab-copied"});area.value=text,root.append(area),area.select(),document.execCommand(
"copy"),area.remove()}}function isDark(media,forced){let light=document.body.dataset.jpThemeLight;return light===void 0||forced.
matches?media.matches:light==="false"}function followTheme(changed,signal){let media=matchMedia("(pr\
efers-color-scheme: dark)"),forced=matchMedia("(forced-colors: active)");for(let query of[media,forced])
query.addEventListener("change",changed,{signal});let theme=new MutationObserver(changed);return theme.
observe(document.body,{attributes:!0,attributeFilter:["data-jp-theme-light"]}),signal.addEventListener(
"abort",()=>theme.disconnect()),()=>isDark(media,forced)}function coloursOf(host,dark,large){return dark?
host.get("dark"):large?host.get("room"):{}}function lossOf(connection){let remedy=document.body.dataset.
voila?"load the page again":"run all cells again";return connection==="ended"?`The kernel has restar\
ted: ${remedy}.`:`The kernel is out of reach. If it stays so, ${remedy}.`}function followConnection(root,lost,outbox){let focused=null;return connection=>{let away=connection!==
"live";outbox.close(connection==="ended"),away&&(lost.textContent=lossOf(connection));let active=document.
activeElement;away&&active instanceof HTMLElement&&root.contains(active)&&(focused=active,active.blur()),
root.classList.toggle("maml-lab-is-lost",away);for(let part of root.children)part.toggleAttribute("i\
nert",away&&part!==lost);away||(active===document.body&&focused?.focus(),focused=null)}}function overlay(node,panel,focus,changed=()=>{}){let isOpen=()=>panel.matches(":popover-open"),close=(back=!0)=>{
if(!isOpen())return;let held=panel.matches(":focus-within");panel.hidePopover(),back&&held&&focus()};
return panel.popover="auto",panel.classList.add("maml-lab-popup"),panel.addEventListener("beforetogg\
le",event=>{let opens=event.newState==="open";opens&&place(node,panel),node.classList.toggle("maml-l\
ab-anchor",opens),changed(opens)}),panel.addEventListener("keydown",event=>{event.key==="Escape"&&(event.
preventDefault(),close())}),node.addEventListener("focusout",({relatedTarget})=>{relatedTarget instanceof
Node&&!node.contains(relatedTarget)&&close(!1)}),{close,isOpen,open:()=>isOpen()||panel.showPopover()}}
function place(node,panel){let bounds=(node.closest(".maml-lab")??document.body).getBoundingClientRect(),
control=node.getBoundingClientRect(),width=widthOf(panel),room=Math.max(bounds.right-(control.left+width),
bounds.left-control.left),shift=Math.min(0,room);panel.style.setProperty("--maml-lab-shift",`${shift}\
px`),panel.style.setProperty("--maml-lab-left",`${control.left+shift}px`),panel.style.setProperty("-\
-maml-lab-top",`${control.bottom}px`)}function widthOf(panel){panel.classList.add("maml-lab-measured");
let{width}=panel.getBoundingClientRect();return panel.classList.remove("maml-lab-measured"),width}var MARK="data-lm-suppress-shortcuts",FOCUSABLE="a, button, input, label, select, textarea, [tabinde\
x]",WRITABLE="input:not([type=range], [type=radio], [type=checkbox]), textarea";function keepKeys(root,signal){
root.tabIndex=-1;let take=({target})=>{target instanceof Element&&target.closest(FOCUSABLE)===root&&
root.focus({preventScroll:!0})};root.addEventListener("pointerdown",take,{signal});let keep=event=>{
let{target}=event;!(target instanceof Element)||!root.contains(target)||target.matches(WRITABLE)||target.
toggleAttribute(MARK,!event.ctrlKey&&!event.metaKey)};window.addEventListener("keydown",keep,{capture:!0,
signal})}var NAMES={" ":"Space",ArrowRight:"→"},PARTS="[role=menu], dialog, .maml-lab-point";function keyName(key){
return NAMES[key]??key.toUpperCase()}function isTaken(target,key){return target.matches(`${WRITABLE}\
, select`)||target.closest(PARTS)?!0:key===" "?target.matches("button, a, summary, input:is([type=ch\
eckbox], :not(:checked, [type=range]))"):key.startsWith("Arrow")&&target.matches("input")}function listenForKeys(root,place2,shortcuts,signal){
let rows=[...shortcuts,{key:"?",words:"Show or hide this list"}].flatMap(({key,words:words2})=>[element(
"dt",{},element("kbd",{},keyName(key))),element("dd",{},words2)]),list=element("dialog",{class:"maml\
-lab-keys","aria-label":"Keys",tabindex:-1});list.append(element("dl",{},...rows)),list.autofocus=!0,
place2.append(list);let over=overlay(place2,list,()=>root.focus()),press=event=>{let{key,target}=event;
if(!(event.defaultPrevented||event.ctrlKey||event.metaKey||event.altKey)){if(key==="?"&&over.isOpen())
over.close();else{if(!(target instanceof Element)||isTaken(target,key))return;if(key==="?")over.open();else{
let shortcut=shortcuts.find(one=>one.key===key.toLowerCase()||one.key===key);if(!shortcut)return;(!event.
repeat||shortcut.repeats)&&shortcut.press()}}event.preventDefault()}};root.addEventListener("keydown",
press,{signal})}var ICONS={play:'<path class="f" d="M4.5 2.8v10.4L13 8z"/>',pause:'<path class="f" d="M4 3h2.8v10H4z\
M9.2 3H12v10H9.2z"/>',step:'<path class="f" d="M3.5 3v10L10 8z"/><path d="M12 3v10"/>',inner:'<path \
d="m5 4 4 4-4 4M12 3.5v9"/>',task:'<path d="m2 4 4 4-4 4M7 4l4 4-4 4M13.5 3.5v9"/>',reset:'<path d="\
M3 8a5 5 0 1 0 1.6-3.7L3 5.8M3 2.5v3.3h3.3"/>',dice:'<rect x="2.2" y="2.2" width="11.6" height="11.6\
" rx="2.4"/><circle class="f" cx="5.5" cy="5.5" r=".7"/><circle class="f" cx="8" cy="8" r=".7"/><cir\
cle class="f" cx="10.5" cy="10.5" r=".7"/>',undo:'<path d="M5.8 2.8 2.8 5.8l3 3M2.8 5.8h6.4a3.7 3.7 \
0 0 1 0 7.4H6"/>',redo:'<path d="m10.2 2.8 3 3-3 3M13.2 5.8H6.8a3.7 3.7 0 0 0 0 7.4H10"/>',pin:'<pat\
h d="M5.5 2.5h5M6.3 2.5v4.2L4 9.5h8L9.7 6.7V2.5M8 9.5v4.3"/>',unpin:'<path d="M5.5 2.5h5M6.3 2.5v4.2\
L4 9.5h8L9.7 6.7V2.5M8 9.5v4.3M2.5 13.5l11-11"/>',fork:'<path d="M4.5 5.3v5.4M11.5 5.3c0 3-7 2.2-7 5\
"/><circle cx="4.5" cy="3.7" r="1.6"/><circle cx="11.5" cy="3.7" r="1.6"/><circle cx="4.5" cy="12.3"\
 r="1.6"/>',export:'<path d="M8 10V2.5M5 5l3-3 3 3M3 9v4.5h10V9"/>',load:'<path d="M8 2.5V10M5 7l3 3\
 3-3M3 9v4.5h10V9"/>',more:'<path d="M2.5 4.5h6M12.5 4.5h1M2.5 11.5h1M7.5 11.5h6"/><circle cx="10.5"\
 cy="4.5" r="1.8"/><circle cx="5.5" cy="11.5" r="1.8"/>',type:'<text class="f" x="8" y="12.4">Aa</te\
xt>',shuffle:'<path d="M2 4.5h2.5l6 7H14M2 11.5h2.5l2-2.3M8.5 6.8l2-2.3H14M12 2.5l2 2-2 2M12 9.5l2 2\
-2 2"/>',live:'<circle class="f" cx="8" cy="8" r="2"/><path d="M4.6 11.4a4.8 4.8 0 0 1 0-6.8M11.4 4.\
6a4.8 4.8 0 0 1 0 6.8"/>'};var STEPS=new Map([["ArrowRight",1],["ArrowDown",1],["ArrowLeft",-1],["ArrowUp",-1]]);function listTarget(event,index,count){
if(event.ctrlKey||event.altKey||event.metaKey)return;if(event.key==="Home")return 0;if(event.key==="\
End")return count-1;let step=STEPS.get(event.key);return step===void 0?void 0:(index+step+count)%count}var DEBOUNCE_MS=350;function button(spec,emit){let node=pressable(spec,emit);return{node,inputs:()=>[
node],show:state=>showFace(node,state)}}function toggle(spec,emit){let node=pressable(spec,emit);return{
node,inputs:()=>[node],show(state){showFace(node,state),node.setAttribute("aria-pressed",String(!!state.
pressed))}}}function menu(spec,emit){let opener=element("button",{type:"button","aria-haspopup":"men\
u"}),list=element("div",{role:"menu"}),node=element("div",{},opener,list),setExpanded=open=>opener.setAttribute(
"aria-expanded",String(open)),over=overlay(node,list,()=>opener.focus(),setExpanded);setExpanded(!1);
let items=spec.items.map(([value,words2],index)=>{let item=element("button",{type:"button",role:"men\
uitem",tabindex:-1},words2);return item.addEventListener("click",()=>{over.close(),emit({kind:"set",
name:spec.name,value,final:!0})}),item.addEventListener("keydown",event=>{let to=listTarget(event,index,
items.length);to!==void 0&&(event.preventDefault(),items[to].focus())}),item});return items[0].autofocus=
!0,list.append(...items),opener.popoverTargetElement=list,opener.addEventListener("keydown",event=>{
let first={ArrowDown:items[0],ArrowUp:items[items.length-1]}[event.key];first&&(event.preventDefault(),
over.open(),first.focus())}),{node,inputs:()=>[opener],show(state){showFace(opener,state),list.setAttribute(
"aria-label",state.label),state.disabled&&over.close(!1)}}}function pressable(spec,emit){let node=element(
"button",{type:"button"});node.classList.toggle("maml-lab-primary",!!spec.primary);let last=-1/0;return node.
addEventListener("click",event=>{spec.debounce&&event.timeStamp-last<DEBOUNCE_MS||(last=event.timeStamp,
emit({kind:"press",name:spec.name}))}),node}function showFace(node,{icon,label,compact}){let face=JSON.
stringify([icon,label,compact]);if(node.dataset.face===face)return;node.dataset.face=face;let parts=[];
if(icon){let drawing=element("span",{class:"maml-lab-icon","aria-hidden":"true"});drawing.innerHTML=
`<svg viewBox="0 0 16 16">${ICONS[icon]}</svg>`,parts.push(drawing)}compact?node.setAttribute("aria-\
label",label):parts.push(element("span",{class:"maml-lab-words"},label)),node.replaceChildren(...parts)}function labelFor(input){let id=`maml-lab-${Math.random().toString(36).slice(2)}`;return input.id=id,
element("label",{for:id,id:`${id}-label`,class:"maml-lab-label"})}function patienceOf(node,waiting){
return{waiting,pend:on=>{node.classList.toggle("maml-lab-pending",on),node.ariaBusy=on?"true":null}}}
function textInput(){return element("input",{type:"text",autocomplete:"off",spellcheck:"false"})}function onTyped(text,take,restore){
text.addEventListener("keydown",event=>{event.isComposing||!["Enter","Escape"].includes(event.key)||
(event.preventDefault(),(event.key==="Enter"?take:restore)(),text.select())})}function question(node,focus){let words2=element("span"),restart=element("button",{type:"button",class:"\
maml-lab-primary"},"Restart"),keep=element("button",{type:"button"},"Keep"),panel=element("dialog",{},
words2,restart,keep),over=overlay(node,panel,focus),agreed=()=>{};return restart.autofocus=!0,node.append(
panel),restart.addEventListener("click",()=>{over.close(),agreed()}),restart.addEventListener("keydo\
wn",event=>{event.repeat&&event.preventDefault()}),keep.addEventListener("click",()=>over.close()),{
close:over.close,ask(text,then){over.close(!1),agreed=then,words2.textContent=text,panel.setAttribute(
"aria-label",text),over.open()}}}var NONE={waiting:()=>!1,pend:()=>{}},SharedValue=class{constructor(send,show,clock,patience=NONE){this.
send=send;this.show=show;this.clock=clock;this.patience=patience}send;show;clock;patience;kernelValue;lastSent;next;engaged=!1;holding=0;pending=0;answering=0;frame=0;hear(value){
value!==void 0&&(this.answering&&(value!==this.kernelValue||value===this.lastSent)&&this.answered(),
this.kernelValue=value,!(this.engaged||this.holding&&value!==this.lastSent)&&(this.release(),this.show(
value)))}offer(value){this.release(),this.engaged=!0,this.next=value,this.frame||this.flush()}settle(value){
this.release();let late=this.answering||value!==this.kernelValue;this.clock.cancelFrame(this.frame),
this.clock.cancel(this.answering),this.engaged=!1,this.next=void 0,this.frame=this.answering=0,this.
tell(value,!0),!(this.kernelValue===void 0||!late)&&(this.pending=this.clock.after(300,()=>this.patience.
pend(!0)),this.hold())}hold(){this.holding=this.clock.after(1e3,()=>{if(this.patience.waiting()){this.
hold();return}this.release(),this.kernelValue!==void 0&&this.show(this.kernelValue)})}tell(value,final){
this.lastSent=value,this.send(value,final)}flush(){this.frame=0,!(this.answering||this.next===void 0)&&
(this.tell(this.next,!1),this.next=void 0,this.answering=this.clock.after(30,()=>this.answered()))}answered(){
this.clock.cancel(this.answering),this.answering=0,this.next!==void 0&&(this.frame||=this.clock.nextFrame(
()=>this.flush()))}release(){this.holding&&this.patience.pend(!1),this.clock.cancel(this.holding),this.
clock.cancel(this.pending),this.holding=this.pending=0}};function choice(spec,emit,waiting,node,paint,focus){let options=spec.options,current,show=value=>{current=
value,paint(value)},send=(value,final)=>emit({kind:"set",name:spec.name,value,final}),model=new SharedValue(
send,show,pageClock,patienceOf(node,waiting)),confirmation=spec.confirm?question(node,focus):void 0,
take=value=>{show(value),model.settle(value)},words2=value=>options.find(([held])=>held===value)?.[1]??
String(value);return{choose(value){if(value===current)return;if(!confirmation){take(value);return}let chosen=words2(
value),text=current===void 0?chosen:`${words2(current)} → ${chosen}`;paint(current),confirmation.ask(
`${text}: ${spec.confirm}`,()=>take(value))},hear(state){options=state.options,confirmation?.close(!1),
current!==void 0&&paint(current),model.hear(state.value)}}}function select(spec,emit,waiting){let list=element(
"select"),label=labelFor(list),node=element("div",{},label,element("div",{class:"maml-lab-body"},list)),
options=[],picker=choice(spec,emit,waiting,node,value=>{list.selectedIndex=options.findIndex(([held])=>held===
value)},()=>list.focus());return list.addEventListener("change",()=>picker.choose(options[list.selectedIndex][0])),
{node,label,inputs:()=>[list],show(state){sameOptions(options,state.options)||(options=state.options,
list.replaceChildren(...options.map(([,words2])=>element("option",{},words2))),list.selectedIndex=-1),
picker.hear(state)}}}function segments(spec,emit,waiting){let row=element("div",{role:"radiogroup",class:"\
maml-lab-body"}),label=labelFor(row);label.removeAttribute("for"),row.setAttribute("aria-labelledby",
label.id);let node=element("div",{},label,row),options=[],buttons=[],paint=value=>{let at=options.findIndex(
([held])=>held===value);buttons.forEach((button2,index)=>{button2.setAttribute("aria-checked",String(
index===at)),button2.tabIndex=index===Math.max(at,0)?0:-1})},picker=choice(spec,emit,waiting,node,paint,
()=>buttons.find(button2=>button2.tabIndex===0)?.focus()),segment=([value,words2],index)=>{let button2=element(
"button",{type:"button",role:"radio"},words2);return button2.addEventListener("click",()=>picker.choose(
value)),button2.addEventListener("keydown",event=>{let to=listTarget(event,index,buttons.length);to!==
void 0&&(event.preventDefault(),buttons[to].focus(),spec.confirm||picker.choose(options[to][0]))}),button2};
return{node,label,inputs:()=>buttons,show(state){sameOptions(options,state.options)||(options=state.
options,buttons=options.map(segment),row.replaceChildren(...buttons),paint()),picker.hear(state)}}}function sameOptions(one,other){
return JSON.stringify(one)===JSON.stringify(other)}var NUMBER=/^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i;function formatNumber(value){let number=Number(
value.toPrecision(7));return Math.abs(number)<1e7?String(number):number.toExponential().replace("e+",
"e")}function parseNumber(text,whole){let plain2=text.trim().replace("−","-"),value=NUMBER.test(plain2)?
Number(plain2.replace(",",".")):NaN;if(whole&&!(Number.isSafeInteger(value)&&!plain2.includes(",")))
return"whole numbers only";if(Number.isFinite(value))return value;let shown=plain2.length>12?`${plain2.
slice(0,11)}…`:plain2;return shown?`“${shown}” is not a number`:"a number is needed"}var Scale=class{low;high;count;log;whole;span;constructor({low,high,scale,whole}){this.low=low,this.
high=high,this.log=scale==="log",this.whole=whole,this.span=this.log?Math.log10(high/low):high-low;let linear=whole?
this.span:200;this.count=Math.max(1,this.log?Math.round(100*this.span):linear)}value(position){let share=position/
this.count*this.span,value=this.log?this.low*10**share:this.low+share;return this.whole?Math.round(value):
Number(value.toPrecision(3))}position(value){let share=this.log?Math.log10(Math.max(value,this.low)/
this.low):value-this.low;return this.within(Math.round(share/this.span*this.count))}keyTarget(key,position,shown){
let by=this.keyStep(key);if(by===void 0)return;let target=this.within(position+by);for(;this.whole&&
this.value(target)===shown&&target%this.count;)target+=Math.sign(by);return shown!==void 0&&(shown<this.
low||shown>this.high)&&target===position?void 0:target}keyStep(key){let page2=Math.max(1,Math.round(
this.log?33.333333333333336:this.count/10));return new Map([["ArrowRight",1],["ArrowUp",1],["ArrowLe\
ft",-1],["ArrowDown",-1],["PageUp",page2],["PageDown",-page2],["Home",-1/0],["End",1/0]]).get(key)}within(position){
return Math.min(this.count,Math.max(0,position))}};var MESSAGE_MS=5e3;function slider(spec,emit,waiting){let range=element("input",{type:"range",min:0,
step:1}),text=textInput();text.inputMode=spec.whole?"numeric":"decimal";let alert=element("span",{role:"\
alert",class:"maml-lab-alert"}),label=labelFor(range),body=element("div",{class:"maml-lab-body"},range,
text),node=element("div",{},label,body,alert);node.classList.toggle("maml-lab-whole",spec.whole);let scale=new Scale(
spec),current,[dragged,silence,untouched]=[!1,0,""],rescale2=next=>{scale=next,range.max=String(scale.
count),current!==void 0&&show(current)},paint=(value,position)=>{current=value,range.style.setProperty(
"--maml-lab-share",String(position/scale.count)),range.setAttribute("aria-valuetext",formatNumber(value)),
(!text.matches(":focus")||text.value===untouched)&&write2()},write2=()=>{untouched=text.value=current===
void 0?"":formatNumber(current)},show=value=>{range.value=String(scale.position(value)),paint(value,
scale.position(value))},send=(value,final)=>emit({kind:"set",name:spec.name,value,final}),model=new SharedValue(
send,show,pageClock,patienceOf(node,waiting)),slide=position=>{let value=scale.value(position);value!==
current&&(dragged=!0,paint(value,position),model.offer(value))},finish=()=>{dragged&&current!==void 0&&
model.settle(current),dragged=!1};range.addEventListener("keydown",event=>{if(event.ctrlKey||event.altKey||
event.metaKey||scale.keyStep(event.key)===void 0)return;event.preventDefault();let target=scale.keyTarget(
event.key,range.valueAsNumber,current);target!==void 0&&(range.value=String(target),slide(target))}),
range.addEventListener("input",()=>slide(range.valueAsNumber));for(let end of["change","lostpointerc\
apture","keyup","blur"])range.addEventListener(end,finish);let complain=message=>{clearTimeout(silence),
alert.textContent=message,message&&(silence=window.setTimeout(()=>complain(""),MESSAGE_MS))},take=()=>{
if(text.value===untouched)return;let value=parseNumber(text.value,spec.whole);complain(typeof value==
"string"?value:""),typeof value=="number"&&value!==current&&(show(value),model.settle(value)),write2()};
return onTyped(text,take,write2),text.addEventListener("blur",take),text.addEventListener("input",()=>complain(
"")),rescale2(scale),{node,label,inputs:()=>[range,text],show(state){text.setAttribute("aria-label",
`${state.label}, typed value`),(scale.low!==state.low||scale.high!==state.high)&&rescale2(new Scale(
state)),model.hear(state.value)}}}function field(spec,emit,waiting){let text=textInput(),label=labelFor(text),untouched="",put=value=>{
untouched=text.value=value},show=value=>{!text.matches(":focus")||text.value===untouched?put(value):
untouched=value},send=(value,final)=>emit({kind:"set",name:spec.name,value,final}),node=element("div",
{},label,text),model=new SharedValue(send,show,pageClock,patienceOf(node,waiting)),restore=()=>put(untouched);
return onTyped(text,()=>{text.value&&(put(text.value),model.settle(untouched))},restore),text.addEventListener(
"blur",restore),{node,label,inputs:()=>[text],show:state=>model.hear(state.value),appear(){node.closest(
".maml-lab")?.contains(document.activeElement)&&text.focus()}}}function status(spec){let node=element(
"div",{role:"status","aria-live":spec.live?"polite":"off"});return{node,inputs:()=>[],show(state){let lines=[
state.value??[]].flat();for(node.dataset.tone=state.tone??"";node.children.length>lines.length;)node.
lastChild?.remove();for(;node.children.length<lines.length;)node.append(element("div"));lines.forEach(
(line,index)=>{let at=node.children[index];at.title!==line&&(write(at,line),at.title=line)})}}}var BUTTONS=["button","toggle","menu"];function toolbars(groups,emit,waiting){let updates=new Map,shortcuts=[],
bar=place2=>element("div",{class:`maml-lab-place maml-lab-place-${place2}`}),places={top:bar("top"),
adaptation:bar("adaptation"),task:bar("task"),training:bar("training")};for(let{place:place2,name,controls}of groups){
let row=element("div",{class:`maml-lab-row${name&&` maml-lab-row-${name}`}`}),buttons;for(let spec of controls){
let{node,update}=updatable(spec,emit,waiting);if(updates.set(spec.name,update),isPressed(spec)&&spec.
key&&shortcuts.push(shortcutFor(spec,spec.key,node)),!BUTTONS.includes(spec.kind)){buttons=void 0,row.
append(node);continue}buttons||(buttons=element("div",{class:"maml-lab-buttons"}),row.append(buttons)),
buttons.append(node)}places[place2].append(row)}let fold=groups.some(({controls})=>controls.some(({essential})=>essential))?
folding(places.top):null;return fold&&places.top.firstElementChild?.prepend(fold),{places,fold,shortcuts,
update(state){for(let[name,changes]of Object.entries(state))updates.get(name)?.(changes)}}}function isPressed(spec){
return spec.kind==="button"||spec.kind==="toggle"}function shortcutFor(spec,key,node){let press=()=>{
node.hidden||node.click()};return{key,words:spec.tooltip,repeats:!spec.debounce,press}}function folding(place2){
let about="Show or hide all controls",button2=element("button",{type:"button",class:"maml-lab-fold",
title:about},"Controls"),fold=open=>{place2.classList.toggle("maml-lab-unfolded",open),button2.ariaExpanded=
String(open)};return button2.addEventListener("click",()=>fold(button2.ariaExpanded==="false")),button2.
setAttribute("aria-description",about),fold(!1),button2}function updatable(spec,emit,waiting){let control=build(
spec,emit,waiting),{node}=control;node.classList.add("maml-lab-control",`maml-lab-${spec.kind}`),node.
dataset.name=spec.name;let key=isPressed(spec)&&spec.key;key&&node.setAttribute("aria-keyshortcuts",
key===" "?"Space":key);let last,update=changes=>{let text=JSON.stringify(changes);if(text===last)return;
let state={...spec,...changes},tooltip="tooltip"in state?state.tooltip:"",about=state.disabled&&state.
reason||tooltip,appears=last!==void 0&&node.hidden&&!state.hidden;node.hidden=!!state.hidden,node.classList.
toggle("maml-lab-essential",state.essential),appears&&control.appear?.(),node.title=key&&!state.disabled?
`${about} (${keyName(key)})`:about,node.classList.toggle("maml-lab-unused",!!state.disabled),control.
label&&write(control.label,state.label),control.show(state);for(let input of control.inputs())input.
disabled=!!state.disabled,input.setAttribute("aria-description",about);last=text};return update({}),
{node,update}}function build(spec,emit,waiting){switch(spec.kind){case"slider":return slider(spec,emit,
waiting);case"select":return select(spec,emit,waiting);case"segments":return segments(spec,emit,waiting);case"\
button":return button(spec,emit);case"toggle":return toggle(spec,emit);case"menu":return menu(spec,emit);case"\
text":return status(spec);case"field":return field(spec,emit,waiting)}}var views=new WeakMap;function countView(lab,root,tell,clock){let notebook=null,sight=new IntersectionObserver(
()=>{notebook=root.closest(".jp-Notebook")??notebook});return sight.observe(root),views.set(lab,(views.
get(lab)??0)+1),()=>{sight.disconnect(),views.set(lab,(views.get(lab)??1)-1),clock.after(2e3,()=>{!views.
get(lab)&&notebook?.isConnected&&tell()})}}function fullScreen(panels,changed,signal){if(!document.fullscreenEnabled)return null;let current=null,
note=()=>{let now=panels.find(panel=>panel===document.fullscreenElement)??null;!now&&!current||(current=
now,changed())};return document.addEventListener("fullscreenchange",note,{signal}),addEventListener(
"resize",()=>current&&changed(),{signal}),signal.addEventListener("abort",()=>{current&&document.exitFullscreen()}),
{get current(){return current},toggle(panel){current?document.exitFullscreen():panel.requestFullscreen().
catch(error=>console.warn("MAML Lab: no full screen",error))}}}function roomIn(panel,head){let{paddingTop,
paddingBottom}=getComputedStyle(panel),padding=Number.parseFloat(paddingTop)+Number.parseFloat(paddingBottom);
return Math.floor(panel.clientHeight-padding-head.offsetHeight)}var QUESTIONS=new Set(["set","press","support","look","pick"]);function isQuestion(message){return QUESTIONS.
has(message.kind)}function endsDrag(message,last){return message.kind!=="set"||last?.kind!=="set"?!1:
message.final&&!last.final&&message.name===last.name&&message.value===last.value}var END_MS=250,Outbox=class{constructor(view,send,expect,clock){this.view=view;this.send=send;this.expect=
expect;this.clock=clock}view;send;expect;clock;asked=0;answered=0;last=null;ending=null;timer=0;closed=!1;emit=message=>{
if(!this.closed){if(this.end(),isQuestion(message)){let ends=endsDrag(message,this.last);if(this.last=
message,ends){this.ending=message,this.timer=this.clock.after(END_MS,()=>this.end());return}this.asked+=
1,message.kind!=="support"&&this.expect(this.asked)}this.post(message)}};get waiting(){return this.asked>
this.answered}hear(answers){this.answered=Math.max(this.answered,answers)}close(closed){this.closed=
closed}end(){this.clock.cancel(this.timer);let ending=this.ending;this.ending=null,ending&&!this.closed&&
this.post(ending)}post(message){this.send({...message,view:this.view,asked:this.asked})}};var AXIS=/^[xy]axis\d*$/;function axisLayout(layout,name){return layout[name]}function hasGoal(figure){
return!!figure?.layout.meta?.goal}function isEditable(figure){return!!figure.layout.meta?.editable}function hasPoints({
x,y}){return pointCount(x,y)>0}function pointCount(x,y){return Math.min(x?.length??0,y?.length??0)}var MARGINS=new Set(["l","r","t","b"]),SIZES=new Set(["size","standoff","xshift","yshift","ticklen"]),
POINTS=new Set(["x","y","z","text","customdata","ids","hovertext","source"]);function applyTheme(part,theme,lists){
let convert=(value,key,parent)=>{if(typeof value=="string")return recolour(value,theme.colours);if(typeof value==
"number")return theme.large?resize(value,key,parent):value;if(value===null||typeof value!="object"||
ArrayBuffer.isView(value))return value;if(Array.isArray(value)){if(POINTS.has(key))return value;let list=lists.
get(value);return list||(list=value.map(held=>convert(held,key,parent)),lists.set(value,list)),list}
return Object.fromEntries(Object.entries(value).map(([name,held])=>[name,convert(held,name,key)]))};
return convert(part,"","")}function recolour(text,colours){return/#|rgb/i.test(text)?text.replace(/#[0-9a-f]{6}\b/gi,
hex=>colours[hex.toLowerCase()]??hex).replace(/#([0-9a-f])([0-9a-f])([0-9a-f])\b/gi,(hex,r,g,b)=>colours[`\
#${r}${r}${g}${g}${b}${b}`.toLowerCase()]??hex).replace(/\b(rgba?)\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*/g,
(start,kind,...channels)=>{let digits=channel=>Number(channel).toString(16).padStart(2,"0"),mapped=colours[`\
#${channels.slice(0,3).map(digits).join("")}`];return mapped?`${kind}(${[1,3,5].map(i=>parseInt(mapped.
slice(i,i+2),16)).join(",")}`:start}):text}function resize(value,key,parent){return key==="width"&&parent===
"line"||SIZES.has(key)||parent==="margin"&&MARGINS.has(key)?value*1.5:value}var LARGE_HEIGHT={adaptation:1.25,task:1.25,training:1.5},DIMMED=.15,LEGEND_LETTER=6.2,LEGEND_MARK=41,
LEGEND_ROW=19,LETTER=.56,AXIS_TITLE=1.2,HEIGHTS={adaptation:272,task:272,training:174},LIGHT_AXIS={gridcolor:"\
#e6e6e6",linecolor:"#999999",zerolinecolor:"#999999"},ROOM_AXIS={gridcolor:"#c4c4c4",linecolor:"#555\
555",zerolinecolor:"#555555"},DARK_AXIS={gridcolor:"#3a3a3a",linecolor:"#888888",zerolinecolor:"#888\
888"};function titleHeight(figure,titled=!1){return titled?0:figure?.layout.meta?.title_height??0}function plotHeight(panel,figure,{
large,titled,room}){if(room)return room;let height=(figure?.layout.height??HEIGHTS[panel])-titleHeight(
figure,titled);return Math.round(height*(large?LARGE_HEIGHT[panel]:1))}function deriveFigure(figure,look){
let shown=nearestStep(figure,look.step);return{data:figure.data.map(trace=>deriveTrace(trace,look,shown)),
layout:deriveLayout(figure,look)}}function deriveTrace(described,look,shown){let trace=applyTheme(described,
look,look.lists);look.large&&enlarge(trace),trace.type==="scatter"&&(trace.line={simplify:!1,...trace.
line}),trace.meta?.cursor&&look.panel==="adaptation"&&(trace.x=cursorAt(look.step,look.cursor),trace.
visible=look.step!==null);let step=trace.meta?.inner_step;return shown!==null&&Number.isInteger(step)&&
step!==shown&&(trace.opacity=(trace.opacity??1)*DIMMED),trace}function deriveLayout(figure,look){let layout=applyTheme(
figure.layout,look,look.lists),text=look.dark?"#dddddd":look.large?"#000000":"#333333",size2=look.large?
1.5:1;layout.font={color:text,size:12*size2,...layout.font},layout.width=look.width,layout.height=plotHeight(
look.panel,figure,look);let elsewhere=titleHeight(figure,look.titled);if(elsewhere)layout.title={text:""},
raiseMargin(layout,-elsewhere*size2);else if(layout.title?.font?.size){let letters=(layout.title.text??
"").replace(/<[^>]*>/g,"").length;layout.title.font.size=fitted(layout.title.font.size,letters,look.
width-16)}layout.autosize=!1,layout.paper_bgcolor=layout.plot_bgcolor=look.paper??"rgba(0,0,0,0)",layout.
hoverlabel={bgcolor:look.dark?"#1c1c1c":"#ffffff",bordercolor:look.dark?"#666666":"#bbbbbb",...layout.
hoverlabel,font:{color:text,...layout.hoverlabel?.font}},layout.modebar={bgcolor:"rgba(0,0,0,0)",color:"\
#999999",activecolor:text},layout.uirevision??="lab",isEditable(figure)&&(layout.dragmode=!1);let more=legendRows(
figure,look)-1;more>0&&raiseMargin(layout,more*LEGEND_ROW*size2);for(let name of Object.keys(layout).
filter(key=>AXIS.test(key))){let axis={...look.dark?DARK_AXIS:look.large?ROOM_AXIS:LIGHT_AXIS,ticklabeloverflow:"\
allow",...layout[name]};axis.range&&(axis.range=[...axis.range]),fitTitle(axis,name,layout),layout[name]=
axis}fitLegends(figure,layout);for(let{text:text2,font}of layout.annotations??[])font&&(font.size=fitted(
font.size??12*size2,longest(text2?.split("<br>")),look.width));return layout}function fitted(size2,letters,room){
return Math.min(size2,Math.max(room/(letters*LETTER||1),1))}function longest(texts=[]){return Math.max(
0,...texts.map(text=>text.length))}function fitTitle(axis,name,layout){let{title}=axis;if(!title?.text)
return;let{l=0,r=0}=layout.margin??{},{width,height}=layout,[from,to]=axis.domain??[0,1],middle=l+(from+
to)/2*(width-l-r),room=name.startsWith("x")?2*Math.min(middle,width-middle):height,usual=AXIS_TITLE*
Number(layout.font?.size??12),font={...title.font};font.size=fitted(font.size??usual,title.text.length,
room),axis.title={...title,font}}function fitLegends({data},layout){let{l=0,r=0,t=0,b=0}=layout.margin??
{},width=Number(layout.width)-l-r,legends=Object.keys(layout).filter(key=>key.startsWith("legend")).
map(key=>[key,layout[key]]).filter(([,legend])=>legend.orientation==="v"),names=key=>data.filter(trace=>trace.
legend===key&&trace.visible!==!1).map(nameOf),columns=Math.max(1,legends.filter(([key])=>names(key).
length).length);for(let[key,legend]of legends){Object.assign(legend,{yref:"paper",y:-b/(Number(layout.
height)-t-b)});let room=width/columns-LEGEND_MARK,{font}=legend;font?.size&&(font.size=fitted(font.size,
longest(names(key)),room))}}function nameOf({name}){return name??""}function raiseMargin(layout,by){
layout.margin?.t!==void 0&&(layout.margin.t+=by)}function legendRows(figure,{large,width}){let{legend,
margin}=figure.layout;if(legend?.orientation!=="h"||legend.y!==1)return 1;let names=figure.data.filter(
trace=>trace.showlegend!==!1&&trace.visible!==!1).filter(trace=>(trace.legend??"legend")==="legend"&&
trace.type==="scatter").map(trace=>trace.name??""),size2=large?1.5:1,widths=names.map(name=>name.length*
LEGEND_LETTER*size2+LEGEND_MARK),room=width-((margin?.l??0)+(margin?.r??0))*size2;return widths.reduce(
(total,one)=>total+one,0)<=room?1:Math.ceil(names.length/Math.max(1,Math.floor(room/Math.max(...widths))))}
function enlarge(trace){trace.type==="scatter"&&(trace.line={...trace.line,width:trace.line?.width??
2*1.5},trace.marker={...trace.marker,size:trace.marker?.size??6*1.5})}function nearestStep(figure,wanted){
if(wanted===null)return null;let steps=figure.data.filter(trace=>trace.visible!==!1).map(trace=>trace.
meta?.inner_step).filter(step=>step!==void 0&&Number.isInteger(step));return steps.length?steps.reduce(
(best,k)=>Math.abs(k-wanted)<Math.abs(best-wanted)?k:best):null}function cursorAt(step,memory){return(!memory.
x||memory.step!==step)&&(memory.step=step,memory.x=[step,step]),memory.x}var MOST_ROWS=11,TABLE_MS=1e3;function numbersOf({data,layout}){if(layout.meta?.table)return layout.
meta.table;let map=data.find(({type,text})=>type==="heatmap"&&Array.isArray(text));if(map&&axisLayout(
layout,"xaxis")?.ticktext)return cellsOf(map,layout);let curves=data.filter(isCurve);if(!curves.length)
return null;let longest2=curves.reduce((a,b)=>size(b)>size(a)?b:a),values=curves.map(({x,y})=>new Map(
Array.from({length:pointCount(x,y)},(_,i)=>[x?.[i],y?.[i]]))),title=axis=>titleOf(axisLayout(layout,
axis)?.title);return{caption:title("yaxis"),head:[title("xaxis"),...curves.map(({name})=>name??"")],
rows:evenly(size(longest2)).map(i=>{let x=longest2.x?.[i];return[x,...values.map(curve=>curve.get(x))].
map(words)})}}function cellsOf(map,layout){let[across,up]=["xaxis","yaxis"].map(name=>axisLayout(layout,
name)),numbers=map.text,names=axis=>axis?.ticktext;return{caption:map.name??"",head:[`${titleOf(up?.
title)} \\ ${titleOf(across?.title)}`,...names(across)],rows:numbers.map((row,i)=>[names(up)[i],...row.
map(number=>number||"–")])}}function isCurve(trace){let drawn=trace.type==="scatter"&&(trace.visible??
!0)===!0,lines=String(trace.mode??"lines").includes("lines");return drawn&&lines&&trace.showlegend!==
!1&&size(trace)>0}function size({x,y}){return pointCount(x,y)}function evenly(count){let rows=Math.min(
count,MOST_ROWS);return rows<2?[...Array(rows).keys()]:Array.from({length:rows},(_,i)=>Math.round(i*
(count-1)/(rows-1)))}function words(value){let number=Number(value);return value==null||!Number.isFinite(
number)?"–":String(Math.abs(number)>=1e3?Math.round(number):Number(number.toPrecision(3)))}function titleOf(title){
let text=typeof title=="object"?title?.text:title;return String(text??"")}var NumbersTable=class{constructor(place2,plot,figure,clock,signal){
this.place=place2;this.figure=figure;this.clock=clock;let drawn=()=>{this.timer||=this.clock.after(TABLE_MS,
()=>this.show())};plot.addEventListener("maml-lab-drawn",drawn,{signal}),signal.addEventListener("ab\
ort",()=>clock.cancel(this.timer))}place;figure;clock;timer=0;shape="";cells=[];show(){this.timer=0;
let figure=this.figure(),table=figure&&numbersOf(figure),texts=table?[table.caption,...table.head,...table.
rows.flat()]:[],shape=`${table?.head.length} ${texts.length}`;shape!==this.shape&&(this.shape=shape,
this.cells=table?this.build(table):[],table||this.place.replaceChildren());for(let[i,cell]of this.cells.
entries())write(cell,plain(texts[i]))}build({head,rows}){let caption=element("caption"),heads=head.map(
()=>element("th",{scope:"col"})),lines=rows.map(row=>row.map((_,i)=>i?element("td"):element("th",{scope:"\
row"}))),trs=lines.map(cells=>element("tr",{},...cells));return this.place.replaceChildren(element("\
table",{},caption,element("thead",{},element("tr",{},...heads)),element("tbody",{},...trs))),[caption,
...heads,...lines.flat()]}};function plain(text){return/[&<]/.test(text)?new DOMParser().parseFromString(
text,"text/html").body.textContent??"":text}function keysOf(path){return path.match(/[^.[\]]+/g)??[]}function withValue(holder,keys,value){let[key,
...rest]=keys,copy=Array.isArray(holder)?[...holder]:{...holder},fresh=/^\d+$/.test(rest[0])?[]:{},held=holder?.[key]??
fresh;return copy[key]=rest.length?withValue(held,rest,value):value,copy}var OTHER_AXIS=/^yaxis\d*\.title|^[xy]axis\d*\.type/;function keepZoom(axes,layout,replaced){for(let axis of axes.
zoomed()){let{range}=axisLayout(layout,axis)??{};if(!range)continue;let before=axes.before(axis).map(
(value,end)=>value??range[end]);replaced&&!sameRange(before,range)?axes.forget(axis):layout[axis]={...axisLayout(
layout,axis),range:before}}}function holdRanges(axes,layout){for(let name of axes.names()){let range=[
...axes.range(name)];layout[name]={...axisLayout(layout,name),range,autorange:!1}}}function setWayBack(axes,layout){
for(let[name,axis]of Object.entries(layout)){if(!AXIS.test(name))continue;let{range}=axis;range&&axes.
setHome(name,range)}}function endZoom(axes){for(let axis of axes.zoomed())sameRange(axes.range(axis),
axes.home(axis))&&axes.forget(axis)}function leaveZoom(axes,before,after,changed){let others=changed.
filter(path=>OTHER_AXIS.test(path)).map(path=>keysOf(path)[0]);before.meta?.x!==after.meta?.x&&others.
push("xaxis");for(let axis of axes.zoomed()){let range=axisLayout(after,axis)?.range;(range!==void 0&&
areApart(axes.range(axis),range)||others.includes(axis))&&axes.forget(axis)}}function areApart(one,other){
let[[low,high],[least,most]]=[one,other].map(range=>{let ends=range;return[Math.min(...ends),Math.max(
...ends)]});return most<=low||least>=high}function sameRange(one,other){return one[0]===other[0]&&one[1]===
other[1]}async function takePictures(plots){let drawn=plots.panels.filter(panel=>panel.drawn&&panel.width>0),
images=await Promise.all(drawn.map(panel=>takePicture(plots,panel)));return Object.fromEntries(drawn.
map((panel,i)=>[panel.name,images[i]]))}async function savePicture(plots,wanted){let images=await takePictures(
plots),placed=plots.panels.flatMap(({name,gd,figure,room})=>{let image=images[name];if(!image)return[];
let{left,right,bottom}=gd.getBoundingClientRect(),tall=plotHeight(name,figure,{large:plots.look.large,
titled:!0,room});return[{svg:decodeURIComponent(image.slice(image.indexOf(",")+1)),left,right,bottom,
tall}]}),{svg,width,height}=compose(placed),blob=new Blob([svg],{type:"image/svg+xml"});wanted.format===
"png"&&(blob=await rasterise(blob,width,height,wanted.scale)),download(wanted.filename,blob)}async function takePicture(plots,panel){
let{plotly}=plots;if(!plotly)throw new Error("plotly.js is not loaded yet");let{currentLook}=plots,light={
dark:!1,colours:currentLook.dark?{}:currentLook.colours},look={...currentLook,...light,titled:!0,paper:"\
#ffffff"},{data,layout}=panel.derive({...look,lists:new WeakMap,cursor:{}});holdRanges(panel.internals??
documentedRanges(panel.gd),layout);let{width=0,height=0}=layout;return plotly.toImage({data,layout},
{format:"svg",width,height})}function documentedRanges({layout}){let range=name=>axisLayout(layout,name)?.
range??[],names=Object.keys(layout).filter(name=>/^[xy]axis\d*$/.test(name));return{range,names:()=>names.
filter(name=>range(name).length>0)}}function compose(pictures){let left=Math.min(...pictures.map(picture=>picture.
left)),right=Math.max(...pictures.map(picture=>picture.right)),bottoms=new Set(pictures.map(({bottom})=>Math.
round(bottom))),height=0,parts=[];for(let row of[...bottoms].sort((a,b)=>a-b)){let members=pictures.
filter(({bottom})=>Math.round(bottom)===row),tallest=Math.max(...members.map(({tall})=>tall));for(let{
svg:svg2,left:x,tall}of members){let y=height+tallest-tall;parts.push(svg2.replace("<svg",`<svg x="${x-
left}" y="${y}"`))}height+=tallest}let width=Math.ceil(right-left);return height=Math.ceil(height),{
svg:`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}\
" height="${height}"><rect width="100%" height="100%" fill="#ffffff"/>${parts.join("")}</svg>`,width,
height}}async function rasterise(svg,width,height,scale){let url=URL.createObjectURL(svg);try{let image=new Image(
width,height);image.src=url,await image.decode();let canvas=document.createElement("canvas");return Object.
assign(canvas,{width:width*scale,height:height*scale}),canvas.getContext("2d")?.drawImage(image,0,0,
canvas.width,canvas.height),await new Promise((resolve,reject)=>{canvas.toBlob(blob=>blob?resolve(blob):
reject(new Error("no PNG")),"image/png")})}finally{URL.revokeObjectURL(url)}}var TYPES={f8:Float64Array,f4:Float32Array,i4:Int32Array,u4:Uint32Array,i2:Int16Array,u2:Uint16Array,
i1:Int8Array,u1:Uint8Array};function unpackArrays(value,view){return unpack(value,view)}function unpack(value,view){
return value===null||typeof value!="object"?value:Array.isArray(value)?value.map(held=>unpack(held,view)):
"$array"in value?array(value.$array,view):Object.fromEntries(Object.entries(value).map(([key,held])=>[
key,unpack(held,view)]))}function array([start,count,type,shape],view){let Kind=TYPES[type];if(!count||
!view)return reshape(new Kind(0),shape);let first=view.byteOffset+start,bytes=view.buffer.slice(first,
first+count*Kind.BYTES_PER_ELEMENT);return reshape(new Kind(bytes),shape)}function reshape(numbers,[
rows,...columns]){if(!columns.length)return numbers;let size2=numbers.length/rows;return Array.from(
{length:rows},(_,row)=>reshape(numbers.subarray(row*size2,(row+1)*size2),columns))}var Aside=class{constructor(clock){this.clock=clock}clock;act=null;timer=0;offer(act,asked){this.act=
act,this.timer||=this.clock.after(asked?40:120,()=>this.catchUp())}catchUp(){let{act}=this;this.stop(),
act?.()}stop(){this.clock.cancel(this.timer),this.timer=0,this.act=null}};var ENDS=["0","1"],ZOOMED_RANGE=/^[xy]axis\d*\.range\[/,DRAG_LAYER=".nsewdrag",PlotlyInternals=class{constructor(gd){
this.gd=gd}gd;get layout(){return this.gd._fullLayout}axis(name){return this.layout[name]}names(){return Object.
keys(this.layout).filter(name=>AXIS.test(name)&&this.axis(name).range)}range(axis){return this.axis(
axis).range}follows(axis){return!!this.axis(axis).autorange}zoomed(){let noted=Object.keys(this.layout.
_preGUI).filter(path=>ZOOMED_RANGE.test(path)),axes=new Set(noted.map(path=>keysOf(path)[0]));return new Set(
[...axes].filter(axis=>!this.follows(axis)))}before(axis){return ENDS.map(end=>this.layout._preGUI[`${axis}\
.range[${end}]`])}home(axis){return ENDS.map(end=>this.axis(axis)[`_rangeInitial${end}`])}setHome(axis,[
low,high]){let full=this.axis(axis);full&&([full._rangeInitial0,full._rangeInitial1]=[low,high])}forget(axis){
let noted=this.layout._preGUI;for(let path of Object.keys(noted))keysOf(path)[0]===axis&&delete noted[path]}mainAxes(){
return[pixelAxis(this.axis("xaxis")),pixelAxis(this.axis("yaxis"))]}dragLayer(){return this.gd.querySelector(
DRAG_LAYER)}pressedLayer(event){return this.layout.dragmode!==!1||!(event.target instanceof Element)?
null:event.target.closest(DRAG_LAYER)}isDragger(target){return target instanceof Element&&target.closest(
".drag")!==null}isVisible(index){return this.fullTrace(index).visible===!0}scatter(index){let full=this.
fullTrace(index),element2=this.gd.querySelector(`.scatterlayer .trace${full.uid}`);if(!element2||full.
visible!==!0||full.type!=="scatter")return null;let all=selector=>[...element2.querySelectorAll(selector)],
fill=full.fill??"none",straight=(full.line?.shape??"linear")==="linear",axis=id=>pixelAxis(this.axis(
id.replace(/^[xy]/,"$&axis")));return{mode:full.mode,filled:fill==="toself",straight:straight&&["tos\
elf","none"].includes(fill),axes:[axis(full.xaxis),axis(full.yaxis)],lines:()=>all("path.js-line"),fills:()=>all(
"path.js-fill"),points:()=>all("path.point"),words:()=>all(".textpoint")}}fullTrace(index){return this.
gd._fullData[index]}};function keepSilent(gd){for(let drawing of gd.querySelectorAll(".main-svg"))drawing.
ariaHidden="true"}function topOf(point){let{yaxis}=point;return typeof yaxis?.d2p!="function"?null:yaxis.
d2p(point.y)+yaxis._offset}function missingInternals(gd){let{_fullLayout:layout,_fullData:data}=gd;if(!layout||
typeof layout!="object")return["_fullLayout"];if(!Array.isArray(data)||data.length!==gd.data.length)
return["_fullData"];let axes=Object.keys(layout).filter(name=>AXIS.test(name));return[...isRecord(layout.
_preGUI)?[]:["_fullLayout._preGUI"],..."dragmode"in layout?[]:["_fullLayout.dragmode"],...axes.flatMap(
name=>missingOfAxis(layout[name]).map(part=>`_fullLayout.${name}.${part}`)),...!axes.length||gd.querySelector(
DRAG_LAYER)?[]:[DRAG_LAYER],...data.flatMap(({uid},index)=>typeof uid=="string"?[]:`_fullData[${index}\
].uid`)]}function missingOfAxis(axis){let missing=Object.entries({...{_id:"string",_offset:"number",
_length:"number"},...{d2p:"function",p2d:"function"}}).filter(([part,kind])=>typeof axis[part]!==kind).
map(([part])=>part);return Array.isArray(axis.range)||missing.push("range"),"autorange"in axis||missing.
push("autorange"),axis.autorange||ENDS.every(end=>`_rangeInitial${end}`in axis)?missing:[...missing,
"_rangeInitial"]}function isRecord(value){return typeof value=="object"&&value!==null}function pixelAxis(axis){
return{letter:axis._id[0],follows:!!axis.autorange,length:axis._length,toPixels:value=>axis.d2p(value),
toValue:pixels=>axis.p2d(pixels)}}var NEAR_CURVE=24,CLICK_MS=350;function pointedStep(panel,clientY){if(!panel.points)return null;if(panel.
name==="adaptation")return Math.max(Math.round(Number(panel.points[0].x)),0);let y=clientY-panel.gd.
getBoundingClientRect().top,nearest=null,reach=NEAR_CURVE;for(let point of panel.points){let step=point.
data.meta?.inner_step,top=topOf(point);if(step===void 0||!Number.isInteger(step)||top===null)continue;
let away=Math.abs(top-y);(away<reach||away===reach&&nearest===null)&&([nearest,reach]=[step,away])}return nearest}
function followPointer(panel,hovered,emit,signal){let{gd,name}=panel,point=clientY=>{name!=="trainin\
g"&&hovered(pointedStep(panel,clientY))};gd.on("plotly_hover",({event,points})=>{panel.points=points,
point(event.clientY)}),gd.on("plotly_unhover",()=>{panel.points=null,point(0)});let follow=event=>{panel.
points&&point(event.clientY)};gd.addEventListener("mousemove",follow,{signal});let act=x=>{name==="a\
daptation"&&emit({kind:"set",name:"shown_step",value:x,final:!0}),!(name!=="training"||panel.figure?.
layout.meta?.x==="seconds")&&emit({kind:"look",meta_step:x})},[clicked,left]=[0,-1/0];gd.on("plotly_\
click",({points})=>{let x=Math.round(Number(points[0].x));clearTimeout(clicked),!(!(x>=0)||performance.
now()-left<CLICK_MS)&&(clicked=window.setTimeout(()=>act(x),CLICK_MS))}),gd.on("plotly_doubleclick",
()=>{clearTimeout(clicked),left=performance.now()}),signal.addEventListener("abort",()=>clearTimeout(
clicked))}var MOVING=new Set(["x","y","text","hovertext"]),SCALE=/^[xy]axis\.(range|tickvals|ticktext)$/;function isScale(path){
return SCALE.test(path)}function onlyMoves({traces,layout},titled){let other=path=>keysOf(path)[0]!==
"meta"&&!isScale(path),drawn=path=>other(path)&&(titled||path!=="title.text");return traces.flatMap(
([,changed])=>Object.keys(changed)).every(path=>MOVING.has(path))&&!Object.keys(layout).some(drawn)}
async function rescale(plotly,gd,internals,scales){if(scales.some(([path])=>internals.follows(keysOf(
path)[0])))return!1;let lists=scales.map(([path,value])=>[path,Array.isArray(value)?[...value]:value]);
return await plotly.relayout(gd,Object.fromEntries(lists)),!0}function move(gd,internals,figure,changed){
let acts=[];for(let[index,paths]of changed){let hidden=(gd.data[index].visible??!0)!==!0,trace=figure.
data[index];if(hidden||!internals.isVisible(index)&&!hasPoints(trace))continue;let scatter=internals.
scatter(index),moved=scatter&&moveScatter(scatter,trace,paths);if(!moved)return!1;acts.push(...moved)}
for(let act of acts)act();for(let[index,paths]of changed)for(let path of paths)gd.data[index][path]=
figure.data[index][path];return gd.layout.meta=figure.layout.meta,!0}function moveScatter(drawn,trace,paths){
let written=drawn.mode.includes("text");if(!paths.has("x")&&!paths.has("y")&&!(written&&paths.has("t\
ext")))return[];let pieces=drawn.axes.some(axis=>axis.follows&&paths.has(axis.letter))?[]:pixelPieces(
drawn.axes,trace);return pieces.length?written?drawn.mode==="text"?moveWords(drawn.words(),pieces,trace.
text):null:movePoints(drawn,pieces):null}function movePoints(drawn,pieces){let[lines,fills,points]=[
drawn.lines(),drawn.fills(),drawn.points()],{filled}=drawn,marked=drawn.mode.includes("markers"),whole=pieces.
length===1;if(!((drawn.mode.includes("lines")?lines.length>0:!lines.length)&&fills.length===Number(filled)&&
(whole||!filled&&!marked&&pieces.every(piece=>piece.length>1))&&points.length===(marked?pieces[0].length:
0)&&drawn.straight))return null;let paths=pieces.map(piece=>`M${piece.map(coordinates).join("L")}`);
return[...lines.length?asMany(lines,paths,(line,path)=>line.setAttribute("d",path)):[],...fills.map(
fill=>()=>fill.setAttribute("d",`${paths[0]}Z`)),...points.map((point,i)=>()=>point.setAttribute("tr\
ansform",`translate(${coordinates(pieces[0][i])})`))]}function moveWords(groups,[places,...more],words2){
let plain2=Array.isArray(words2)&&words2.length===places.length&&!words2.some(word=>/[<&]/.test(word));
return more.length||!plain2||!groups.length?null:asMany(groups,places,(group,[left,top],i)=>{let text=group.
querySelector("text");text&&(text.setAttribute("x",String(left)),text.setAttribute("y",String(top)),
text.textContent=words2[i])})}function asMany(elements,values,put){let last=elements[elements.length-
1],copy=()=>{let twin=last.cloneNode(!0);return last.parentNode?.appendChild(twin),twin};return[()=>{
for(let element2 of elements.splice(values.length))element2.remove()},...values.map((value,i)=>()=>{
elements[i]??=copy(),put(elements[i],value,i)})]}function coordinates([left,top]){return`${left.toFixed(
2)},${top.toFixed(2)}`}function pixelPieces([across,up],{x,y}){let pieces=[],piece=null;for(let i=0;i<
pointCount(x,y);i+=1){let place2=[across.toPixels(x?.[i]),up.toPixels(y?.[i])];place2.every(Number.isFinite)?
piece?piece.push(place2):(piece=[place2],pieces.push(piece)):piece=null}return pieces}var APART=" · ";function showTitle(target,figure){let{meta,title}=figure.layout,text=titleHeight(figure)&&
(meta?.heading??title?.text)||"";if(target.dataset.text===text)return;target.dataset.text=text;let{body}=new DOMParser().
parseFromString(text,"text/html"),parts=[...body.childNodes].flatMap(({nodeName,textContent})=>(textContent??
"").split(APART).filter(part=>part.trim()).map(part=>nodeName==="B"?element("b",{},part):part)),last=parts.
length-1;target.replaceChildren(...parts.map((part,i)=>element("span",{},part,i<last?APART:""))),target.
title=body.textContent??""}var CORNERS={width:16,height:16,path:"M2 2h5v2H4v3H2zM9 2h5v5h-2V4H9zM12 9h2v5H9v-2h3zM2 9h2v3h3v2H2\
z"},PlotPanel=class{constructor(name,gd,title,fill){this.name=name;this.gd=gd;this.title=title;this.
fill=fill}name;gd;title;fill;figure=null;width=0;room=null;dirty=!1;drawn=!1;since=0;lists=new WeakMap;support=null;points=null;listening=null;internals=null;cursor={};moves=new Map;movesSincePlotly=new Map;scales=new Map;replaced=!1;needsPlotly=!0;mustRestart=!1;margin;config={};whole(figure){
this.drawn&&this.figure&&isEditable(figure)!==isEditable(this.figure)&&(this.mustRestart=!0),this.figure=
figure,this.replaced=this.drawn,this.touch()}change(changes){let{figure}=this;if(!figure)return;let before=figure.
layout,quick=onlyMoves(changes,titleHeight(figure)===0);for(let[index,paths]of changes.traces){for(let changed of[
this.moves,this.movesSincePlotly])changed.set(index,new Set([...changed.get(index)??[],...Object.keys(
paths)]));for(let[path,value]of Object.entries(paths))figure.data[index]=withValue(figure.data[index],
keysOf(path),value)}for(let[path,value]of Object.entries(changes.layout))isScale(path)&&this.scales.
set(path,value),figure.layout=withValue(figure.layout,keysOf(path),value);this.internals&&leaveZoom(
this.internals,before,figure.layout,Object.keys(changes.layout)),this.touch(!quick)}touch(needsPlotly=!0){
this.dirty||(this.since=performance.now()),this.dirty=!0,this.needsPlotly||=needsPlotly}get drawable(){
return this.dirty&&this.figure!==null&&this.width>0}derive(look){let{figure,name,width,room}=this;if(!figure)
throw new Error(`the ${name} panel has no figure yet`);return deriveFigure(figure,{...look,panel:name,
width,room})}leave(plotly){this.support?.destroy(),this.listening?.abort(),this.drawn&&plotly?.purge(
this.gd),this.support=this.points=this.internals=null,this.mustRestart=this.drawn=!1}get behind(){return this.
movesSincePlotly.size>0}get movable(){return this.drawn&&!this.mustRestart&&!this.needsPlotly&&!this.
support?.ahead&&this.internals!==null&&!this.gd.matches(":hover")}get quick(){return this.movable&&!this.
scales.size}async draw(plotly,look,attach){let{figure,quick,movable}=this;if(!figure)return!1;let moved=!1;
this.dirty=this.needsPlotly=!1;try{moved=movable&&await this.move(plotly,figure),moved?showTitle(this.
title,figure):await this.drawByPlotly(plotly,figure,look,attach),this.internals&&setWayBack(this.internals,
(this.figure??figure).layout)}catch(error){throw this.needsPlotly=!0,error}return this.gd.dispatchEvent(
new CustomEvent("maml-lab-drawn")),quick&&moved}async move(plotly,figure){let{gd,internals,moves,movesSincePlotly}=this;
if(!internals)return!1;let zoomed=internals.zoomed(),scales=[...this.scales].filter(([path])=>!zoomed.
has(keysOf(path)[0]));return this.moves=new Map,this.scales=new Map,scales.length?await rescale(plotly,
gd,internals,scales)&&move(gd,internals,figure,movesSincePlotly):move(gd,internals,figure,moves)}async drawByPlotly(plotly,figure,look,attach){
for(let changes of[this.moves,this.movesSincePlotly,this.scales])changes.clear();let{replaced,gd}=this;
this.replaced=!1;let{data,layout}=this.derive({...look,lists:this.lists,cursor:this.cursor}),margin=JSON.
stringify(layout.margin);(this.mustRestart||this.drawn&&margin!==this.margin)&&this.leave(plotly),this.
margin=margin,this.support?.apply(data);let{support,internals,drawn}=this;if(support&&(support.held=
support.busy&&drawn&&!replaced),support?.held&&internals&&holdRanges(internals,layout),showTitle(this.
title,figure),this.drawn){this.internals&&keepZoom(this.internals,layout,replaced),await plotly.react(
gd,data,layout,this.config);return}this.drawn=!0,this.config=plotConfig(figure,this.fill&&(()=>this.
fill?.(this.name))),await plotly.newPlot(gd,data,layout,this.config),this.internals=expectedInternals(
gd,plotly),attach(this,figure)}};function plotConfig(figure,fill){let moves=isEditable(figure)?[]:["\
zoom2d","pan2d"],whole=fill?[{name:"whole screen",title:"Whole screen, and back (F)",icon:CORNERS,click:fill}]:
[];return{displaylogo:!1,displayModeBar:"hover",modeBarButtons:[[...moves,"resetScale2d",...whole]],
doubleClick:"reset",responsive:!1}}function expectedInternals(gd,plotly){let missing=missingInternals(
gd);return missing.length?(console.warn(`MAML Lab: plotly.js ${plotly.version} lacks ${missing.join(
", ")}: it redraws plots plainly`),null):new PlotlyInternals(gd)}var Receipts=class{constructor(send,clock){this.send=send;this.clock=clock}send;clock;complete=0;acknowledged=0;acknowledgedAt=-1/0;timer=0;confirm(number){
this.complete=number,this.acknowledge()}stop(){this.clock.cancel(this.timer)}acknowledge(){if(this.clock.
cancel(this.timer),this.complete===this.acknowledged)return;let early=this.acknowledgedAt+900-this.clock.
now();if(early>0){this.timer=this.clock.after(early,()=>this.acknowledge());return}this.acknowledgedAt=
this.clock.now(),this.acknowledged=this.complete,this.send(this.complete)}};var STEP=.01,LEAP=.1,BESIDE=.05,KEYS="Arrow keys move the point, further with Shift; Page Up and Pag\
e Down lead to the next ones; Enter adds a point, Delete removes this one",KEYS_FOR_GOAL="Arrow keys\
 move the goal, further with Shift";function hintForKeys(single){return single?"arrows: move the goa\
l · with Shift: further":"arrows: move · Page Up/Down: next · Enter: add · Delete: remove"}var MOVES={
ArrowLeft:[-1,0],ArrowRight:[1,0],ArrowUp:[0,-1],ArrowDown:[0,1]},SupportFocus=class{constructor(editor,single,signal){
this.editor=editor;this.single=single;let{handle}=this;single&&(handle.ariaLabel="Goal",handle.ariaRoleDescription=
"goal",handle.setAttribute("aria-description",KEYS_FOR_GOAL)),handle.addEventListener("keydown",event=>this.
press(event),{signal});for(let end of["keyup","blur"])handle.addEventListener(end,()=>this.end(),{signal});
handle.addEventListener("focus",()=>this.follow(),{signal})}editor;single;handle=element("div",{class:"\
maml-lab-point",tabindex:0,role:"slider","aria-label":"Support points","aria-roledescription":"suppo\
rt point","aria-description":KEYS});wanted=0;moving=!1;follow(){let{handle,editor}=this,points=editor.
points(),index=this.among(points),point=points[index];if(!point)return;let[across,up]=editor.axes();
if(handle.matches(":focus")){let{left,top}=editor.corner();handle.style.left=`${left+across.toPixels(
point.x)}px`,handle.style.top=`${top+up.toPixels(point.y)}px`}handle.ariaValueMin=short(across.toValue(
0)),handle.ariaValueMax=short(across.toValue(across.length)),handle.ariaValueNow=short(point.x);let rank=fromLeft(
points).indexOf(index)+1,which=this.single?"":`${rank} of ${points.length}: `;handle.ariaValueText=`${which}\
x ${short(point.x)}, y ${short(point.y)}`}press(event){if(event.ctrlKey||event.altKey||event.metaKey)
return;let points=this.editor.points(),index=this.among(points),point=points[index];if(!point)return;
let move2=MOVES[event.key],next=neighbour(event.key,points,index);if(move2){let size2=event.shiftKey?
LEAP:STEP;this.moving=!0,this.editor.move(index,this.beside(point,move2[0]*size2,move2[1]*size2),!1)}else if(next!==
void 0)this.end(),this.wanted=next;else{if(this.single)return;if(event.key==="Enter")this.end(),this.
wanted=points.length,this.editor.add(this.beside(point,BESIDE,0));else if(event.key==="Delete"||event.
key==="Backspace")this.end(),this.editor.remove(index);else return}event.preventDefault(),this.follow()}beside(point,across,up){
let along=(axis,value,share)=>{let pixels=axis.toPixels(value)+share*axis.length;return axis.toValue(
Math.min(Math.max(pixels,0),axis.length))},[x,y]=this.editor.axes();return{x:along(x,point.x,across),
y:along(y,point.y,up)}}end(){if(!this.moving)return;this.moving=!1;let points=this.editor.points(),index=this.
among(points);points[index]&&this.editor.move(index,points[index],!0)}among(points){return Math.min(
this.wanted,points.length-1)}};function fromLeft(points){return[...points.keys()].sort((a,b)=>points[a].
x-points[b].x)}function neighbour(key,points,index){let order=fromLeft(points),rank=order.indexOf(index),
last=order.length-1,ranks={PageDown:Math.min(rank+1,last),PageUp:Math.max(rank-1,0),Home:0,End:last};
return order[ranks[key]]}function short(value){return String(Number(value.toPrecision(3)))}var REACH=12,REACH_OF_A_FINGER=24,STILL=4,ANSWER_MS=500,DOUBLE_CLICK_MS=350,REST_MS=2e3,EDITING="Sup\
port points: click free space to add one, drag one to move it, click one to remove it",PLACING="Goal\
: click anywhere to place it there, or drag it",HINT="click: add or remove · drag: move",HINT_FOR_GOAL="\
click: place the goal · drag: move it",SupportPoints=class{constructor(gd,internals,figure,emit,changed,signal){
this.gd=gd;this.internals=internals;this.figure=figure;this.emit=emit;this.changed=changed;this.single=
hasGoal(figure());let words2=this.single?HINT_FOR_GOAL:HINT;write(this.hint,words2),gd.addEventListener(
"pointerdown",event=>this.press(event),{capture:!0,signal}),gd.addEventListener("pointermove",event=>this.
move(event),{signal}),gd.addEventListener("pointerup",event=>this.release(event),{signal}),gd.addEventListener(
"pointercancel",()=>this.drop(),{signal});for(let name of["pointerenter","pointermove","pointerdown"])
gd.addEventListener(name,()=>this.aim(),{capture:!0,signal});gd.addEventListener("pointerleave",()=>this.
rest(),{signal});let hold=event=>{let layer=internals.pressedLayer(event),at=layer&&this.place(event.
touches[0],layer);event.touches.length===1&&at&&this.nearest(at,REACH_OF_A_FINGER)>=0&&event.preventDefault()};
gd.addEventListener("touchstart",hold,{capture:!0,passive:!1,signal}),gd.setAttribute("aria-descript\
ion",this.single?PLACING:EDITING),this.focus=new SupportFocus({points:()=>this.points(),axes:()=>internals.
mainAxes(),corner:()=>this.corner(),move:(index,to,final)=>this.moveTo(index,to,final),add:at=>this.
send("add",null,at,!0),remove:index=>this.send("remove",index,this.points()[index],!0)},this.single,
signal),gd.after(this.focus.handle,this.hint),gd.addEventListener("maml-lab-drawn",()=>this.focus.follow(),
{signal});for(let[name,said]of[["focus",hintForKeys(this.single)],["blur",words2]])this.focus.handle.
addEventListener(name,()=>write(this.hint,said),{signal})}gd;internals;figure;emit;changed;ahead=null;held=!1;current=null;aiming=0;timer=0;frame=0;clicked={
px:NaN,py:NaN,time:0};layer=null;single;hint=element("span",{class:"maml-lab-hint","aria-hidden":"tr\
ue"});focus;get busy(){return this.aiming!==0||this.current!==null||this.ahead!==null}aim(){clearTimeout(
this.aiming),this.aiming=window.setTimeout(()=>this.rest(),REST_MS)}rest(){clearTimeout(this.aiming),
this.aiming=0,this.held&&this.changed()}destroy(){clearTimeout(this.timer),clearTimeout(this.aiming),
cancelAnimationFrame(this.frame),this.current=this.ahead=null,this.hint.remove(),this.focus.handle.remove(),
this.gd.removeAttribute("aria-description")}apply(data){let{ahead}=this;for(let trace of data.filter(
isSupport))if(!(!ahead||ahead.index>=(trace.x?.length??0)))for(let axis of["x","y"]){let values=Array.
from(trace[axis]??[]);values[ahead.index]=ahead[axis],trace[axis]=values}}points(){let{x,y}=supportOf(
this.figure()?.data??[])??{},points=Array.from({length:pointCount(x,y)},(_,i)=>({x:Number(x?.[i]),y:Number(
y?.[i])})),{ahead}=this;return ahead&&ahead.index<points.length&&(points[ahead.index]=ahead),points}corner(){
let{left,top}=this.internals.dragLayer()?.getBoundingClientRect()??new DOMRect,panel=this.gd.parentElement?.
getBoundingClientRect()??new DOMRect;return{left:left-panel.left,top:top-panel.top}}place(event,pressed){
let layer=pressed??this.internals.dragLayer();if(!layer)return null;let[across,up]=this.internals.mainAxes(),
box=layer.getBoundingClientRect(),along=(offset,size2,length)=>Math.min(Math.max(offset/size2,0),1)*
length,px=along(event.clientX-box.left,box.width,across.length),py=along(event.clientY-box.top,box.height,
up.length);return{px,py,x:across.toValue(px),y:up.toValue(py)}}nearest(at,within=REACH){let[across,up]=this.
internals.mainAxes(),{x,y}=supportOf(this.figure()?.data??[])??{},best=-1,reach=within;for(let i=0;i<
pointCount(x,y);i+=1){let away=Math.hypot(across.toPixels(x?.[i])-at.px,up.toPixels(y?.[i])-at.py);away<=
reach&&([best,reach]=[i,away])}return best}press(event){let layer=this.internals.pressedLayer(event);
if(!layer||event.button!==0||!event.isPrimary)return;let at=this.place(event,layer);if(!at)return;this.
layer=layer,event.preventDefault();let within=event.pointerType==="touch"?REACH_OF_A_FINGER:REACH;this.
current={index:this.nearest(at,within),start:at,at,dragged:!1},this.gd.setPointerCapture(event.pointerId)}move(event){
let{current}=this,layer=current?this.layer:this.internals.pressedLayer(event),at=this.place(event,layer);
if(!at)return;if(!current){layer&&(layer.style.cursor=this.nearest(at)<0?"crosshair":"grab");return}
let{start,index}=current;current.at=at,current.dragged||=Math.hypot(at.px-start.px,at.py-start.py)>STILL,
!(index<0||!current.dragged)&&this.moveTo(index,at,!1)}release(event){let{current}=this,at=this.place(
event,this.layer);if(!(!current||!at)){if(this.current=null,current.dragged&&current.index>=0)this.moveTo(
current.index,at,!0);else if(!current.dragged){if(this.drop(),this.isSecondClick(at))return;this.single?
this.moveTo(0,current.start,!0):current.index>=0?this.send("remove",current.index,current.start,!0):
this.send("add",null,current.start,!0)}}}isSecondClick({px,py}){let before=this.clicked;return this.
clicked={px,py,time:performance.now()},Math.hypot(px-before.px,py-before.py)<=STILL&&this.clicked.time-
before.time<DOUBLE_CLICK_MS}moveTo(index,{x,y},final){if(clearTimeout(this.timer),this.ahead={index,
x,y},this.changed(),!final){this.frame||=requestAnimationFrame(()=>{this.frame=0,this.ahead&&this.send(
"move",this.ahead.index,this.ahead,!1)});return}cancelAnimationFrame(this.frame),this.frame=0,this.send(
"move",index,{x,y},!0),this.timer=window.setTimeout(()=>this.drop(),ANSWER_MS)}drop(){this.current=this.
ahead=null,this.changed()}send(action,index,{x,y},final){this.emit({kind:"support",action,index,x,y,
final})}};function isSupport(trace){return!!trace.meta?.support}function supportOf(data){return data.
find(isSupport)}var Turns=class{constructor(clock){this.clock=clock}clock;asked=0;answered=0;awaited=0;patience=0;due=!1;askedAt=-1/0;expect(number){
this.asked=number,this.askedAt=this.clock.now(),this.resume()}hear(answers){this.answered=Math.max(this.
answered,answers),!(!this.awaited||this.answered<this.awaited)&&(this.awaited=0,this.due=!0)}get recent(){
return this.clock.now()-this.askedAt<200}next(plots){let now=this.clock.now();this.awaited&&now>this.
patience&&this.hear(this.asked);let waiting=plots.filter(plot=>plot.drawable);return waiting.find(plot=>now-
plot.since>400)??(this.awaited?void 0:waiting[0])}begin(){this.due=!1}resume(){this.awaited||this.due||
this.asked<=this.answered||(this.awaited=this.asked,this.patience=this.clock.now()+200)}};var PANELS=["adaptation","task","training"],MARGIN="300px",Plots=class{panels;look={dark:!1,large:!1,
colours:{},step:null};turns=new Turns(pageClock);plotly=null;visible=!1;drawing=!1;frame=0;emit;receipts;aside=new Aside(
pageClock);sizes;sight;hovered=null;received=0;gone=!1;constructor({elements,titles,root,library,emit,
fill=null}){this.emit=emit,this.panels=PANELS.map(name=>new PlotPanel(name,elements[name],titles[name],
fill)),this.receipts=new Receipts(number=>emit({kind:"drawn",number}),pageClock),this.sizes=new ResizeObserver(
entries=>this.resize(entries)),this.sight=new IntersectionObserver(entries=>this.see(entries[entries.
length-1].isIntersecting),{rootMargin:MARGIN});for(let panel of this.panels)this.sizes.observe(panel.
gd);this.sight.observe(root),library.then(plotly=>{this.plotly=plotly,this.schedule()},error=>console.
error("MAML Lab: plotly.js could not be loaded",error))}begin({figures,buffers}){figures&&this.takeWhole(
figures,buffers??[])}receive(message,buffers){message.kind==="whole"?(this.received=message.number,this.
takeWhole(message.figures,buffers)):this.received&&(this.received=message.number,this.takeChanges(message.
figures,buffers))}setLook(changes){Object.assign(this.look,changes);for(let panel of this.panels)panel.
lists=new WeakMap,panel.touch();this.fit(),this.schedule()}setRoom(name,room){for(let panel of this.
panels)panel.room=panel.name===name?room:null}setStep(step){this.look.step=step,this.emphasise()}get currentLook(){
return{...this.look,step:this.hovered??this.look.step}}expect(number){this.turns.expect(number)}hear(answers){
this.turns.hear(answers)}alongside(act){this.aside.offer(act,this.turns.recent)}schedule(){let awake=this.
visible||this.panels.some(panel=>!panel.drawn);this.gone||!this.plotly||!awake||this.drawing||(this.
frame||=requestAnimationFrame(()=>this.draw()))}destroy(){this.gone=!0,cancelAnimationFrame(this.frame),
this.receipts.stop(),this.aside.stop(),this.sizes.disconnect(),this.sight.disconnect();for(let panel of this.
panels)panel.leave(this.plotly)}takeWhole(packed,buffers){let figures=unpackArrays(packed,buffers[0]);
for(let panel of this.panels)figures[panel.name]&&panel.whole(figures[panel.name]);this.fit(),this.schedule()}takeChanges(packed,buffers){
let figures=unpackArrays(packed,buffers[0]);for(let panel of this.panels)figures[panel.name]&&panel.
change(figures[panel.name]);this.fit(),this.schedule()}hover(step){step!==this.hovered&&(this.hovered=
step,this.emphasise())}emphasise(){for(let panel of this.panels)panel.name!=="training"&&panel.touch();
this.schedule()}fit(){for(let{gd,name,figure,room}of this.panels)gd.style.height=`${plotHeight(name,
figure,{...this.look,room})}px`}resize(entries){for(let{target,contentRect}of entries){let panel=this.
panels.find(({gd})=>gd===target),width=Math.floor(contentRect.width);!panel||width===panel.width||(panel.
width=width,panel.touch())}this.schedule()}see(visible){this.visible=visible,this.schedule()}async draw(){
this.frame=0,this.aside.catchUp(),this.drawing=!0;let panel=this.turns.next(this.panels);this.turns.
begin();do{let quick=panel!==void 0&&await this.drawPanel(panel);this.turns.resume(),panel=quick?this.
turns.next(this.panels):void 0}while(panel?.quick);this.drawing=!1,!this.gone&&(this.panels.some(waiting=>waiting.
drawable)?this.schedule():this.receipts.confirm(this.received))}async drawPanel(panel){if(!this.plotly)
return!1;try{return await panel.draw(this.plotly,this.currentLook,drawn=>this.attach(drawn))}catch(error){
return this.gone||console.error(`MAML Lab: the ${panel.name} plot failed`,error),!1}}attach(panel){if(this.
gone){this.plotly?.purge(panel.gd);return}keepSilent(panel.gd),panel.listening=new AbortController;let{
signal}=panel.listening;panel.gd.on("plotly_relayout",()=>{panel.internals&&endZoom(panel.internals)}),
followPointer(panel,step=>this.hover(step),this.emit,signal);let scroll=event=>{panel.internals?.isDragger(
event.target)&&event.stopPropagation()};panel.gd.addEventListener("touchstart",scroll,{capture:!0,passive:!0,
signal});let changed=()=>{panel.touch(),this.schedule()},enter=()=>{panel.behind&&changed()};panel.gd.
addEventListener("pointerenter",enter,{signal});let{name,gd,internals}=panel,editable=name==="task"&&
panel.figure!==null&&isEditable(panel.figure);if(!internals||!editable)return;let figure=()=>panel.figure;
panel.support=new SupportPoints(gd,internals,figure,this.emit,changed,signal)}};var isApplication=()=>!!document.body.dataset.voila;function askBeforeLeaving(atStake,signal){let ask=event=>{
isApplication()&&atStake()&&event.preventDefault()};window.addEventListener("beforeunload",ask,{signal})}
function keepKernel(kernel,atStake,signal){if(!isApplication())return;let last,waiting=[],whenGone=end2=>{
let{event}=window;if(event?.type!=="beforeunload"||!atStake())return end2();event!==last&&(waiting=[]),
last=event,waiting.push(end2)},{sendBeacon}=navigator,{dispose}=kernel;navigator.sendBeacon=(url,data)=>(whenGone(
()=>sendBeacon.call(navigator,url,data)),!0),kernel.dispose=()=>whenGone(()=>dispose?.call(kernel));
let end=()=>{for(let call of waiting.splice(0))call()};window.addEventListener("pagehide",end,{signal}),
signal.addEventListener("abort",()=>{navigator.sendBeacon=sendBeacon,kernel.dispose=dispose})}function showDashboard(host,container){let view=crypto.randomUUID?.()??String(Math.random()),outbox=new Outbox(
view,message=>host.send(message),asked=>plots.expect(asked),pageClock),{emit}=outbox,controls=toolbars(
host.get("controls"),emit,()=>outbox.waiting),{root,panels,elements,titles,tables,lost}=page(controls.
places,view);container.append(root);let gone=new AbortController,library=host.plotly(gone.signal);keepKeys(
root,gone.signal);let screen=fullScreen(Object.values(panels),()=>look(),gone.signal),fill=screen&&(name=>screen.
toggle(panels[name])),plots=new Plots({elements,titles,root,library,emit,fill});for(let panel of plots.
panels)new NumbersTable(tables[panel.name],panel.gd,()=>panel.figure,pageClock,gone.signal);let keys=[
...controls.shortcuts];if(fill){let aimed=PANELS[0];for(let name of PANELS)for(let event of["pointer\
over","pointerdown","focusin"])panels[name].addEventListener(event,()=>{aimed=name});keys.push({key:"\
f",words:"Show the plot at the pointer on the whole screen, or no longer",press:()=>fill(aimed)})}listenForKeys(
root,controls.places.top,keys,gone.signal);let attention=new Attention(root),isDark2=followTheme(()=>look(),
gone.signal),look=()=>{let full=PANELS.find(name=>screen?.current===panels[name])??null,large=host.get(
"large")||full!==null,dark=isDark2();root.classList.toggle("maml-lab-large",large),root.classList.toggle(
"maml-lab-dark",dark);let active=document.activeElement;root.contains(active)&&!active?.checkVisibility()&&
controls.fold?.focus(),plots.setRoom(full,full&&roomIn(panels[full],titles[full].parentElement)),plots.
setLook({large,dark,colours:coloursOf(host,dark,large)})},state=()=>controls.update(host.get("state")),
step=()=>plots.setStep(host.get("inner_step")),hear=(message,buffers)=>{message.kind==="whole"||message.
kind==="changes"?(plots.receive(message,buffers),plots.hear(message.answers[view]??0),outbox.hear(message.
answers[view]??0)):message.kind==="roll"?emit({kind:"here"}):message.kind==="still"?host.replaceStill(
message.mark,message.html):message.view===view&&answer(message,buffers)},answer=async(message,buffers)=>{
message.kind==="attend"&&attention.attend(),message.kind==="copy"&&await copyText(root,message.text),
message.kind==="file"&&download(message.filename,new Blob([buffers[0]]));try{message.kind==="export"&&
await savePicture(plots,message),message.kind==="snapshot"&&emit({kind:"picture",images:await takePictures(
plots)})}catch(error){console.error("MAML Lab: the picture failed",error)}},isLost=()=>root.classList.
contains("maml-lab-is-lost"),atStake=()=>host.get("trained")&&!isLost();host.keepWhileAsking?.(atStake,
gone.signal),askBeforeLeaving(atStake,gone.signal);let tellGone=()=>{isLost()||host.send({kind:"gone",
view,asked:0})},leave=countView(host.lab,root,tellGone,pageClock),subscriptions=[host.onChange("larg\
e",look),host.onChange("dark",look),host.onChange("state",()=>plots.alongside(state)),host.onChange(
"inner_step",step),host.onMessage(hear),host.onConnection(followConnection(root,lost,outbox))];return look(),
state(),step(),plots.begin(host.get("first")),emit({kind:"ready"}),()=>{if(!gone.signal.aborted){gone.
abort(),leave();for(let unsubscribe of subscriptions)unsubscribe();attention.stop(),plots.destroy(),
root.remove()}}}function page(places,view){let div=names=>element("div",{class:names}),all=names=>({
adaptation:div(names),task:div(names),training:div(names)}),elements=all("maml-lab-plot"),titles=all(
"maml-lab-title"),tables=all("maml-lab-numbers"),sections=PANELS.map(name=>{elements[name].style.height=
`${HEIGHTS[name]}px`,titles[name].setAttribute("role","heading"),titles[name].ariaLevel="3",titles[name].
id=`maml-lab-title-${name}-${view}`,tables[name].id=`maml-lab-numbers-${name}-${view}`,elements[name].
setAttribute("role","figure"),elements[name].setAttribute("aria-labelledby",titles[name].id),elements[name].
setAttribute("aria-details",tables[name].id);let head=element("header",{class:"maml-lab-head"},titles[name],
places[name]),names=`maml-lab-panel maml-lab-${name}`;return[name,element("section",{class:names},head,
elements[name],tables[name])]}),lost=element("p",{class:"maml-lab-lost",role:"status"}),plots=element(
"div",{class:"maml-lab-plots"});for(let[,section]of sections)plots.append(section);let root=element(
"div",{class:"maml-lab"},places.top,lost,plots),panels=Object.fromEntries(sections);return{root,panels,
elements,titles,tables,lost}}function arrange(figure,width){let chosen=(figure.layout.meta?.layouts??[]).filter(arrangement=>arrangement.
width<=width).reduce((best,one)=>!best||one.width>best.width?one:best,null);if(!chosen)return figure;
let layout={...figure.layout,height:chosen.height};for(let[axis,domain]of Object.entries(chosen.domains))
layout[axis]={...layout[axis],domain};return{...figure,layout}}function cellsOf2(figure){return figure?.layout.meta?.cells??null}function showCell(figure,index){let cells=cellsOf2(
figure);if(!cells||index===null||index>=cells.titles.length)return figure;let data=figure.data.map(trace=>{
let part=cells.parts[trace.meta?.cell??""];if(!part)return trace;let shown=Object.entries(part).map(
([name,values])=>[name,values[Math.floor(index*values.length/cells.titles.length)]]);return{...trace,
...Object.fromEntries(shown)}}),[title,...others]=figure.layout.annotations??[],annotations=[{...title,
text:cells.titles[index]},...others];return{data,layout:{...figure.layout,annotations}}}var MOVES2={
ArrowLeft:[-1,0],ArrowRight:[1,0],ArrowUp:[0,1],ArrowDown:[0,-1]};function nextCell(figure,index,key){
let cells=cellsOf2(figure),move2=MOVES2[key];if(!cells||!move2)return null;let{columns,titles}=cells,
column=index%columns+move2[0],row=Math.floor(index/columns)+move2[1];return column<0||column>=columns||
row<0||row>=titles.length/columns?null:row*columns+column}var CellFocus=class{constructor(gd,figure,draw,emit,signal){
this.gd=gd;this.figure=figure;this.draw=draw;this.emit=emit;gd.addEventListener("keydown",event=>this.
hear(event),{signal})}gd;figure;draw;emit;said=element("p",{class:"maml-lab-numbers",role:"status"});index=null;picked=-1/0;shown(figure){
let cells=cellsOf2(figure);return cells&&this.index!==null&&this.index>=cells.titles.length&&(this.index=
null),cells&&(this.gd.tabIndex=0),showCell(figure,this.index)}follow(){this.gd.on("plotly_hover",({points})=>{
let index=this.under(points[0]);index!==null&&this.show(index)}),this.gd.on("plotly_click",({points})=>{
let index=this.under(points[0]);index!==null&&this.pick(index)})}under({data,pointNumber}){let cells=cellsOf2(
this.figure());return!cells||!data.meta?.pick||!Array.isArray(pointNumber)?null:pointNumber[0]*cells.
columns+pointNumber[1]}show(index){index!==this.index&&(this.index=index,this.draw())}pick(index){let now=performance.
now();if(now-this.picked<CLICK_MS)return;this.picked=now;let trace=this.figure()?.data.find(({meta})=>meta?.
pick);trace?.meta?.pick&&this.emit({kind:"pick",name:trace.meta.pick,index})}hear(event){let figure=this.
figure(),cells=cellsOf2(figure);if(!figure||!cells||event.target!==this.gd)return;let present=this.index??
Number(figure.layout.meta?.cell??0);event.key==="Enter"&&this.pick(present);let next=nextCell(figure,
present,event.key);if(next===null)return;event.preventDefault(),this.show(next);let[row,column]=[Math.
floor(next/cells.columns),next%cells.columns],words2=figure.data.find(({meta})=>meta?.pick)?.customdata?.[row]?.[column];
write(this.said,(words2??cells.titles[next]).replace("<br>",": "))}};var PANEL="instrument",CONFIG={displaylogo:!1,displayModeBar:"hover",modeBarButtons:[["zoom2d","rese\
tScale2d"]],doubleClick:"reset",responsive:!1};function showInstrument(host,heading,container){let view=crypto.
randomUUID?.()??String(Math.random()),outbox=new Outbox(view,message=>host.send(message),()=>{},pageClock),
{emit}=outbox,controls=toolbars(host.get("controls"),emit,()=>outbox.waiting),title=element("h3",{class:"\
maml-lab-title"},heading),gd=element("div",{class:"maml-lab-plot"}),numbers=element("div",{class:"ma\
ml-lab-numbers",id:`maml-lab-numbers-${view}`});gd.setAttribute("role","figure"),gd.setAttribute("ar\
ia-label",heading),gd.setAttribute("aria-details",numbers.id);let lost=element("p",{class:"maml-lab-\
lost",role:"status"}),root=element("div",{class:"maml-lab-instrument"},title,controls.places.top,lost,
gd,numbers);container.append(root);let gone=new AbortController,isDark2=followTheme(()=>look(),gone.
signal),lists=new WeakMap,figure=null,plotly=null,drawing=!1,dirty=!1,number=0,width=0,cells=new CellFocus(
gd,()=>figure,()=>{draw()},emit,gone.signal);root.append(cells.said),keepKeys(root,gone.signal),new NumbersTable(
numbers,gd,()=>figure&&firstCurves(figure),pageClock,gone.signal);let draw=async()=>{if(dirty=!0,!drawing){
drawing=!0;try{for(;dirty&&plotly&&figure&&width>0&&!gone.signal.aborted;){dirty=!1;let drawn=number,
dark=isDark2(),large=host.get("large"),theme={dark,large,colours:coloursOf(host,dark,large),step:null},
panel={panel:"adaptation",width,lists,cursor:{}},room=width/(theme.large?1.5:1),{data,layout}=deriveFigure(
cells.shown(arrange(figure,room)),{...theme,...panel}),first2=!gd.data;await plotly.react(gd,data,layout,
CONFIG),first2&&cells.follow(),gd.dispatchEvent(new CustomEvent("maml-lab-drawn")),drawn&&emit({kind:"\
drawn",number:drawn})}}finally{drawing=!1}}},look=()=>{root.classList.toggle("maml-lab-large",host.get(
"large")),root.classList.toggle("maml-lab-dark",isDark2()),draw()},state=()=>controls.update(host.get(
"state")),hear=(message,buffers)=>{message.kind==="whole"?(figure=unpackArrays(message.figures[PANEL],
buffers[0]),number=message.number,outbox.hear(message.answers[view]??0),draw()):message.kind==="chan\
ges"?(outbox.hear(message.answers[view]??0),emit({kind:"drawn",number:message.number})):message.kind===
"roll"&&emit({kind:"here"})},resize2=new ResizeObserver(([entry])=>{let before=width;width=Math.round(
entry.contentRect.width),width!==before&&(!before&&width&&figure&&emit({kind:"ready"}),draw())});resize2.
observe(gd);let tellGone=()=>{root.classList.contains("maml-lab-is-lost")||host.send({kind:"gone",view,
asked:0})},leave=countView(host.lab,root,tellGone,pageClock),subscriptions=[host.onChange("large",look),
host.onChange("state",state),host.onMessage(hear),host.onConnection(followConnection(root,lost,outbox))],
first=host.get("first");return first.figures&&(figure=unpackArrays(first.figures[PANEL],first.buffers?.[0])),
host.plotly(gone.signal).then(library=>{plotly=library,draw()},error=>console.error("MAML Lab: plotl\
y.js failed",error)),look(),state(),emit({kind:"ready"}),()=>{if(!gone.signal.aborted){gone.abort(),
leave();for(let unsubscribe of subscriptions)unsubscribe();resize2.disconnect(),plotly?.purge(gd),root.
remove()}}}function firstCurves(figure){let curves=figure.data.filter(({mode,yaxis})=>mode!=="marker\
s"&&(yaxis??"y")==="y");return{...figure,data:curves.map(trace=>({...trace,showlegend:!0}))}}var WIDGET="application/vnd.jupyter.widget-view+json",HTML="text/html",GIVEN_UP=/^Error displaying widget/,
LOOKED_MS=[500,2e3,5e3,1e4,2e4],mended=new WeakMap;function mendOutputs(manager,clock){for(let ms of LOOKED_MS)
clock.after(ms,()=>showAgain(manager))}async function showAgain(manager){let notebook=manager.context?.
model;if(!(!notebook||!hasGivenUp()))for(let{output,show}of outputsOf(notebook)){let id=output.data[WIDGET]?.
model_id;if(!id||!await isUnseen(manager,id))continue;let{dirty}=notebook;show(output.toJSON()),notebook.
dirty=dirty}}function replaceHtml(manager,mark,html){let notebook=manager.context?.model;if(notebook)
for(let{output,show}of outputsOf(notebook)){let held=output.data[HTML],text=Array.isArray(held)?held.
join(""):held;typeof text!="string"||!text.includes(mark)||text===html||show({...output.toJSON(),data:{
...output.data,[HTML]:html}})}}function*outputsOf(notebook){for(let{outputs}of notebook.cells)for(let i=0;i<
(outputs?.length??0);i+=1){let output=outputs?.get(i);output&&(yield{output,show:other=>outputs?.set(
i,other)})}}function hasGivenUp(){return[...document.querySelectorAll(".jp-OutputArea-output")].some(
({textContent})=>GIVEN_UP.test(textContent??""))}async function isUnseen(manager,id){if(!manager.has_model?.(
id))return!1;let before=mended.get(manager)??new Set;mended.set(manager,before);let model=await manager.
get_model?.(id);return before.has(id)||Object.keys(model?.views??{}).length?!1:(before.add(id),!0)}function providePlotly(digest,packed){copyOf(digest).begin(packed)}function plotlyLibrary(digest,ask,clock,signal){
let copy=copyOf(digest),askUnlessBegun=()=>{if(copy.begun||signal.aborted)return;let left=copy.askedAt+
1e4-clock.now();left<=0&&(copy.askedAt=clock.now(),ask()),clock.after(left>0?left:1e4,askUnlessBegun)};
return askUnlessBegun(),copy.library}function copyOf(digest){let key=Symbol.for(`maml-lab.plotly.${digest}`),
copies=globalThis;return copies[key]??=newCopy(()=>delete copies[key]),copies[key]}function newCopy(forget){
let begin=()=>{},copy={library:new Promise(resolve=>{begin=resolve}).then(evaluate),begin(given){copy.
begun=!0,begin(given)},begun:!1,askedAt:-1/0};return copy.library.catch(forget),copy}async function evaluate(packed){
let stream=new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")),code=[`const mod\
ule = {exports: {}}, exports = module.exports, define = undefined;
`,await new Response(stream).blob(),`
export default module.exports;`],url=URL.createObjectURL(new Blob(code,{type:"text/javascript"})),before=Object.
getOwnPropertyDescriptor(window,"Plotly");try{return(await import(url)).default}finally{URL.revokeObjectURL(
url),before?Object.defineProperty(window,"Plotly",before):Reflect.deleteProperty(window,"Plotly")}}function jupyterHost(model){let kernel=model.widget_manager.kernel??void 0,subscribe=(event,listener)=>(model.
on(event,listener),()=>model.off(event,listener)),layout=model.get("layout");return{lab:layout,get:name=>model.
get(name),onChange:(name,listener)=>subscribe(`change:${name}`,listener),send:message=>model.send(message),
onMessage:listener=>subscribe("msg:custom",(message,buffers)=>{message.kind!=="library"&&listener(message,
buffers)}),replaceStill:(mark,html)=>replaceHtml(model.widget_manager,mark,html),keepWhileAsking(atStake,signal){
kernel&&keepKernel(kernel,atStake,signal)},plotly(signal){let digest=model.get("library"),unsubscribe=subscribe(
"msg:custom",(message,buffers)=>{message.kind==="library"&&providePlotly(digest,buffers[0])});return signal.
addEventListener("abort",unsubscribe),plotlyLibrary(digest,()=>model.send({kind:"library",view:""}),
pageClock,signal)},onConnection(listener){let connection=()=>layout.comm_live?kernel&&kernel.connectionStatus!==
"connected"?"apart":"live":"ended",update=()=>listener(connection());return kernel?.connectionStatusChanged?.
connect(update),layout.on("comm_live_update",update),()=>{kernel?.connectionStatusChanged?.disconnect(
update),layout.off("comm_live_update",update)}}}}var widget_default={initialize({model}){mendOutputs(model.widget_manager,pageClock)},render({model,el,
signal}){let heading=model.get("heading"),host=jupyterHost(model),stop=heading?showInstrument(host,String(
heading),el):showDashboard(host,el);return signal?.addEventListener("abort",stop),stop}};export{PANELS,Plots,widget_default as default,missingInternals,pageClock,plotlyLibrary,providePlotly,
showDashboard,showInstrument,toolbars};
