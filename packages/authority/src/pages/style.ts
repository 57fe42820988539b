/** One style sheet for all pages: readable on a phone, with a keyboard, in the dark, and at 200 % (WCAG 2.2 AA). */
export const STYLE = `:root{color-scheme:light dark;--ink:#16191d;--soft:#545b66;--line:#c9ced6;--paper:#fff;--ground:#f3f4f7;
--accent:#1d4fb8;--accent-ink:#fff;--warn:#6b3d00;--warn-ground:#fff4de;--warn-line:#d99a2b;--bad:#a01c1c;--field:#7b8390}
@media(prefers-color-scheme:dark){:root{--ink:#eceef1;--soft:#aab2bf;--line:#3b424d;--paper:#1a1e24;--ground:#101318;
--accent:#8fb4ff;--accent-ink:#0b1a38;--warn:#ffdf9e;--warn-ground:#33270f;--warn-line:#a87a24;--bad:#ff9a94;--field:#8a93a1}}
*{box-sizing:border-box}
html{font:100%/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink)}
header,main,footer{max-width:40rem;margin:0 auto;padding:0 1rem}
header{display:flex;flex-wrap:wrap;gap:.25rem .6rem;align-items:center;padding-top:1.25rem;padding-bottom:.75rem}
.mark{width:.85rem;height:.85rem;border-radius:50%;border:.22rem solid var(--accent)}
.domain{font-weight:600}.who{margin-left:auto;color:var(--soft)}
main{background:var(--paper);border:1px solid var(--line);border-radius:.75rem;padding:1.5rem 1.5rem 1.75rem}
footer{color:var(--soft);font-size:.875rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem;text-wrap:balance}h2{font-size:1.0625rem;margin:1.75rem 0 .5rem}
p{margin:.5rem 0}bdi,code,li,dd{overflow-wrap:anywhere}code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.soft{color:var(--soft)}
.facts{display:grid;grid-template-columns:minmax(6rem,auto) 1fr;gap:.35rem 1rem;margin:.75rem 0}
.facts dt{color:var(--soft)}.facts dd{margin:0;min-width:0}
.note{border:1px solid var(--warn-line);background:var(--warn-ground);color:var(--warn);border-radius:.5rem;padding:.6rem .85rem;margin:1rem 0}
.note p{margin:0}
.bad{color:var(--bad);font-weight:600}
fieldset{border:0;margin:1.75rem 0;padding:0}legend{font-size:1.0625rem;font-weight:700;margin:0 0 .5rem;padding:0}legend+p{margin:0 0 .6rem}
ul.choices{list-style:none;margin:0;padding:0;border:1px solid var(--line);border-radius:.5rem;overflow:hidden}
ul.choices>li+li{border-top:1px solid var(--line)}
ul.choices label{display:flex;gap:.75rem;padding:.7rem .85rem;align-items:flex-start;cursor:pointer;min-height:2.75rem}
ul.choices label:hover{background:var(--ground)}
ul.choices .what{flex:1;min-width:0}ul.choices .what>span{display:block}ul.choices .what>.tag{display:table}
input[type=checkbox],input[type=radio]{width:1.25rem;height:1.25rem;margin:.12rem 0 0;flex:none;accent-color:var(--accent)}
.inline{display:flex;flex-wrap:wrap;gap:.5rem}.inline label{display:flex;gap:.5rem;align-items:center;border:1px solid var(--line);
border-radius:.5rem;padding:.5rem .85rem;min-height:2.75rem;cursor:pointer}
.tag{display:inline-block;border:1px solid var(--line);border-radius:1rem;padding:.05rem .6rem;font-size:.8125rem;margin-top:.3rem}
.tag.strong{border-color:var(--warn-line);background:var(--warn-ground);color:var(--warn)}
label.field{display:block;font-weight:600;margin:1rem 0 .3rem}
input[type=text]{font:inherit;width:100%;padding:.6rem .75rem;border:1px solid var(--field);border-radius:.5rem;background:var(--paper);color:var(--ink)}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.75rem 0 1rem}
button,.button{font:inherit;font-weight:600;min-height:2.75rem;padding:.55rem 1.25rem;border-radius:.5rem;border:1px solid var(--field);
background:var(--paper);color:var(--ink);cursor:pointer;text-decoration:none;display:inline-block;text-align:center}
button.primary{background:var(--accent);border-color:var(--accent);color:var(--accent-ink)}
button:disabled{opacity:.6;cursor:progress}
:focus-visible{outline:.2rem solid var(--accent);outline-offset:.15rem}
a{color:var(--accent)}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--paper);padding:.5rem}
.card{border:1px solid var(--line);border-radius:.5rem;padding:.85rem 1rem;margin:.75rem 0}.card h3{margin:0 0 .25rem;font-size:1rem}
[hidden]{display:none!important}
@media(max-width:34rem){main{border-radius:0;border-left:0;border-right:0;padding:1.25rem 1rem 1.5rem}.facts{grid-template-columns:1fr;gap:0}
.facts dd{margin-bottom:.6rem}.buttons>*{flex:1 1 100%}.who{margin-left:0;flex-basis:100%}}
`
