function wholeAt(first,at){if("whole"in at)return at.whole;let data=[...first.data];for(let[index,changes]of at.
traces)data[index]={...data[index],...changes};return{data,layout:{...first.layout,...at.layout}}}function changesTo(first,from,to){
if("whole"in from||"whole"in to)return from===to?{traces:[],layout:{}}:null;let goal=wholeAt(first,to),
indexes=new Set([...from.traces,...to.traces].map(([index])=>index)),changed=({traces:traces2},wanted)=>Object.
keys(traces2.find(([index])=>index===wanted)?.[1]??{}),traces=[...indexes].map(index=>{let names2=[...changed(
from,index),...changed(to,index)],trace=goal.data[index];return[index,Object.fromEntries(names2.map(
name=>[name,trace[name]??null]))]}),names=[...Object.keys(from.layout),...Object.keys(to.layout)],layout=Object.
fromEntries(names.map(name=>[name,goal.layout[name]??null]));return{traces,layout}}function nearestFrame(frames,wanted){
let away=frames.map(({meta_step})=>Math.abs(meta_step-wanted));return away.indexOf(Math.min(...away))}
var RecordedHost=class{constructor(recording,arrays,library,clock){this.recording=recording;this.arrays=
arrays;this.library=library;this.clock=clock;let{controls,dark,room}=recording,first={figures:recording.
first,buffers:[arrays]},rest={large:!1,inner_step:null,trained:!1};this.values={controls,dark,room,first,
state:{},...rest},this.values.state=this.state()}recording;arrays;library;clock;lab={};values;listeners=new Map;hearers=new Set;answers={};current=0;playing=!1;step=null;sent=0;sentAt=0;get(name){
return this.values[name]}onChange(name,listener){let listeners=this.listeners.get(name)??new Set;return this.
listeners.set(name,listeners.add(listener)),()=>listeners.delete(listener)}onMessage(listener){return this.
hearers.add(listener),()=>this.hearers.delete(listener)}onConnection(){return()=>{}}replaceStill(){}plotly(signal){
return this.library(signal)}send(message){switch(message.asked&&(this.answers[message.view]=message.
asked),message.kind){case"ready":this.post({kind:"whole",figures:this.whole()});return;case"drawn":message.
number===this.sent&&this.playOn();return;case"look":this.goTo(nearestFrame(this.recording.frames,message.
meta_step));return;case"set":message.name==="look"?(this.playing=!1,this.goTo(nearestFrame(this.recording.
frames,Number(message.value)))):(message.name==="shown_step"&&this.show(Number(message.value)),this.
answer());return;case"press":this.press(message.name)}}press(name){if(name==="play"){this.playing=!this.
playing;let ended=this.current===this.recording.frames.length-1;this.playing&&ended?this.goTo(0):this.
answer();return}name==="large"&&this.change("large",!this.values.large),name==="all_steps"&&this.show(
this.step===null?this.steps():null),this.answer()}playOn(){if(!this.playing)return;let left=Math.max(
0,this.sentAt+100-this.clock.now()),{sent}=this;this.clock.after(left,()=>{if(!this.playing||this.sent!==
sent)return;let next=this.current+1;this.playing=next<this.recording.frames.length-1,this.goTo(Math.
min(next,this.recording.frames.length-1))})}steps(){let{state}=this.recording.frames[this.current];return Number(
state.shown_step?.high??1)}show(step){this.step=step===null?null:Math.min(step,this.steps()),this.change(
"inner_step",this.step)}goTo(frame){let{first,frames}=this.recording,pairs=Object.keys(first).map(name=>[
name,changesTo(first[name],frames[this.current].figures[name],frames[frame].figures[name])]);if(this.
current=frame,this.step!==null&&this.show(this.step),this.change("state",this.state()),pairs.some(([
,changes])=>!changes)){this.post({kind:"whole",figures:this.whole()});return}this.post({kind:"change\
s",figures:Object.fromEntries(pairs)})}answer(){this.change("state",this.state()),this.post({kind:"c\
hanges",figures:{}})}whole(){let{first,frames}=this.recording,{figures}=frames[this.current];return Object.
fromEntries(Object.entries(first).map(([name,figure])=>[name,wholeAt(figure,figures[name])]))}state(){
let{state}=this.recording.frames[this.current];return{...state,play:this.playing?{label:"Pause",icon:"\
pause"}:{},large:{pressed:this.values?.large??!1},shown_step:{...state.shown_step,value:this.step??this.
steps()},all_steps:{pressed:this.step===null}}}change(name,value){this.values[name]=value;for(let listener of this.
listeners.get(name)??[])listener()}post(message){this.sent+=1,this.sentAt=this.clock.now();let whole={
...message,number:this.sent,answers:{...this.answers}};for(let hearer of this.hearers)hearer(whole,[
this.arrays])}};function kept(name){let text=document.getElementById(`maml-lab-${name}`)?.textContent??"";return Uint8Array.
from(atob(text),letter=>letter.charCodeAt(0))}function unpacked(name){return new Response(new Blob([
kept(name)]).stream().pipeThrough(new DecompressionStream("gzip")))}async function play(frontEnd){let{
pageClock,plotlyLibrary,providePlotly,showDashboard}=frontEnd,recording=await unpacked("recording").
json(),arrays=new DataView(await unpacked("arrays").arrayBuffer()),library=signal=>(providePlotly(recording.
library,kept("plotly")),plotlyLibrary(recording.library,()=>{},pageClock,signal)),host=new RecordedHost(
recording,arrays,library,pageClock);showDashboard(host,document.getElementById("maml-lab"))}export{play};
