function providePlotly(digest,packed){copyOf(digest).begin(packed)}function copyOf(digest){let key=Symbol.for(`maml-lab.plotly.${digest}`),copies=globalThis;return copies[key]??=
newCopy(()=>delete copies[key]),copies[key]}function newCopy(forget){let begin=()=>{},copy={library:new Promise(
resolve=>{begin=resolve}).then(evaluate),begin(given){copy.begun=!0,begin(given)},begun:!1,askedAt:-1/0};
return copy.library.catch(forget),copy}async function evaluate(packed){let stream=new Blob([packed]).
stream().pipeThrough(new DecompressionStream("gzip")),code=[`const module = {exports: {}}, exports =\
 module.exports, define = undefined;
`,await new Response(stream).blob(),`
export default module.exports;`],url=URL.createObjectURL(new Blob(code,{type:"text/javascript"})),before=Object.
getOwnPropertyDescriptor(window,"Plotly");try{return(await import(url)).default}finally{URL.revokeObjectURL(
url),before?Object.defineProperty(window,"Plotly",before):Reflect.deleteProperty(window,"Plotly")}}var library_default={initialize({model}){let packed=model.get("packed");packed&&providePlotly(model.
get("digest"),packed)}};export{library_default as default};
