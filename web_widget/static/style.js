// @ts-check
// "Quiet desk": paper neutrals, one teal for people and action, violet for the AI only, one elevation, hairlines.
export const css = `
:host{display:block}
.dh{--bg:#fbfaf7;--surface:#fff;--sunken:#f2f0ea;--text:#1c1f1e;--muted:#5a5f5b;--line:#ddd9cf;--strong:#8a867b;--soft:#e0f0ee;--ink:#0a5f5b;--ai:#5b4bb7;--ai-soft:#eeebfa;--warn:#7a4d00;--bad:#b3261e;--r:var(--dh-radius,16px);--font:var(--dh-font,system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif)}
.dh.dark{--bg:#101413;--surface:#171c1a;--sunken:#0b0f0e;--text:#e8ecea;--muted:#a3ada9;--line:#2b3331;--strong:#77827e;--soft:#12312e;--ink:#7fddd2;--ai:#b7abf5;--ai-soft:#241f3d;--warn:#f3c573;--bad:#ffb4ab}
.panel,.panel *{box-sizing:border-box}
.panel{position:fixed;z-index:var(--dh-z,2147483000);inset-inline-end:var(--dh-gap-x,20px);--up:calc(var(--dh-gap-y,20px) + var(--dh-launcher-size,56px) + 12px);bottom:calc(var(--up) + env(safe-area-inset-bottom,0px));width:400px;max-width:calc(100vw - 2*var(--dh-gap-x,20px));height:680px;max-height:calc(100dvh - var(--up) - var(--dh-gap-y,20px));overflow:hidden;border:1px solid var(--line);border-radius:var(--r);background:var(--dh-bg,var(--bg));color:var(--dh-text,var(--text));font:400 15px/22px var(--font);box-shadow:0 2px 6px #0000001f,0 16px 48px #00000029;animation:rise .18s ease-out}
.start>.panel{inset-inline:var(--dh-gap-x,20px) auto}
@keyframes rise{from{opacity:0;transform:translateY(8px)}}
.panel[hidden],.panel [hidden]{display:none!important}
.panel :is(h2,h3,p,ul,ol,pre,blockquote){margin:0;padding:0}
.panel :is(button,input,textarea){font:inherit;color:inherit}
.panel button{cursor:pointer;background:none;border:1px solid transparent;padding:0}
.panel :focus-visible{outline:2px solid var(--a);outline-offset:2px}
.panel :is(a,.link){color:inherit;text-decoration:underline;text-underline-offset:2px;text-align:start}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
svg{width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round;display:block;margin:auto}
.head,.who,.foot,.line,.under,.choices{display:flex;align-items:center}
.head{gap:4px;padding-block:12px;padding-inline:20px 8px;background:var(--surface);border-bottom:1px solid var(--line);position:relative}
.head>:has(h2){flex:1;min-width:0}
.head h2{font:650 16px/24px var(--font);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.head p::before{content:"";display:inline-block;width:8px;height:8px;border-radius:3px;background:var(--ai);margin-inline-end:6px}
.head .waiting::before{background:var(--warn)}.head .human::before{background:var(--ink);border-radius:50%}.head .resolved::before{background:var(--strong)}
.panel .icon{width:44px;height:44px;border-radius:10px;color:var(--muted);flex:none}
.panel .icon:hover{background:var(--sunken);color:inherit}
.banner{padding:8px 20px;background:var(--sunken);border-bottom:1px solid var(--line)}
.panel,.main,.log,.list,.m{display:flex;flex-direction:column}
.main{flex:1;min-height:0;position:relative}
.log,.list{flex:1;overflow-y:auto;overscroll-behavior:contain;padding:20px 16px 12px;gap:16px}
.panel .log:focus-visible{outline-offset:-2px}
.rows{display:contents}
.intro{display:grid;gap:8px}
.hello{font:400 18px/26px var(--font);white-space:pre-line}
.banner,.system .b,.sources,.panel :is(.link,.pill){font-size:13px;line-height:18px}
.note,.who,.head p,.panel small{font-size:12px;line-height:16px;color:var(--muted)}
.note.bad,.bad{color:var(--bad)}
.choices{flex-wrap:wrap;gap:8px}
.intro .choices{padding-top:8px}
.panel .chip{min-height:36px;padding:6px 14px;border:1px solid var(--strong);border-radius:18px;background:var(--surface);color:var(--ink);font-size:14px;line-height:20px;text-align:start}
.panel .chip:hover{background:var(--soft)}
.panel .chip.bad{color:var(--bad);border-color:var(--bad)}
.log>.chip{align-self:center;flex:none}
.m{align-items:flex-start;max-width:86%;border-radius:10px}
.who{gap:6px;margin-bottom:4px}
.who time{margin-inline-start:4px}
.who::before{content:"";width:12px;height:12px;border-radius:4px;background:var(--ai)}
.agent .who::before{background:var(--ink);border-radius:50%}
.b{max-width:100%;padding:10px 14px;border-radius:14px;overflow-wrap:anywhere;background:var(--ai-soft);border:1px solid transparent;border-start-start-radius:4px}
.agent .b{background:var(--soft)}
.customer{align-self:flex-end;align-items:flex-end}
.customer .b{background:var(--a);color:var(--on);border-radius:14px;border-end-end-radius:4px}
.system{align-self:center;max-width:100%;text-align:center}
.system .b{padding:0 12px;background:none;color:var(--muted)}
.panel .gone .b{background:none;border:1px dashed var(--strong);color:var(--muted)}
.plain{white-space:pre-wrap}
.b>*+*,.tail>*+*,.b>*+.tail:not(:empty){margin-top:8px!important}
.b :is(ul,ol){padding-inline-start:22px}.b li+li{margin-top:4px}
.b :is(code,pre){font:13px/20px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.b code{padding:1px 4px;border-radius:6px;background:#8a867b26}
.b pre{padding:10px 12px;border-radius:10px;background:var(--surface);overflow-x:auto}.b pre code{padding:0;background:none}
.b blockquote{padding-inline-start:12px;border-inline-start:3px solid var(--ai)}
.panel .cite{display:inline-block;min-width:24px;height:24px;margin:-4px -2px;padding:3px;border-radius:9px;background:var(--surface) content-box;font:650 11px/18px var(--font);text-align:center;color:var(--ai)}
.foot{flex-wrap:wrap;gap:2px 12px;margin-top:4px}
.customer .foot{justify-content:flex-end}
.panel .link{min-height:24px;padding:2px 0;color:var(--ink)}
.sources{flex-basis:100%}
.sources summary{cursor:pointer;padding:3px 0;color:var(--muted);width:max-content}
.panel .sources ol{padding-inline-start:24px;display:grid;gap:2px}
.sources li{padding:3px 0}.sources li::marker{color:var(--ai);font-weight:550}
.dots{display:block;width:32px;height:22px;background:radial-gradient(circle,var(--ai) 3px,transparent 3.5px) 0/11px 100%;animation:breathe 1.2s ease-in-out infinite}
@keyframes breathe{50%{opacity:.35}}
.panel .pill{position:absolute;bottom:8px;left:50%;translate:-50%;padding:6px 14px;border-radius:999px;background:var(--text);color:var(--bg)}
.typing{padding:0 20px 8px}:is(.who,.foot,.choices,.typing):empty{display:none}
.panel :is(.card input,.card textarea,.line textarea){width:100%;padding:9px 12px;border:1px solid var(--strong);border-radius:10px;background:var(--surface);font-size:16px;line-height:24px}
.panel [aria-invalid=true]{border-color:var(--bad)!important}
.panel :is(.primary,.send){min-height:44px;border-radius:10px;background:var(--a);color:var(--on);font-weight:550}.panel .primary{padding:8px 16px;margin-top:8px}
.composer{padding:12px 12px 8px;background:var(--surface);border-top:1px solid var(--line)}
.line{gap:8px;align-items:flex-end}
.panel .line textarea{flex:1;min-width:0;min-height:44px;resize:none;scrollbar-width:thin}
.panel ::placeholder{color:var(--muted);opacity:1}
.send{flex:none;width:44px}
.send[data-stop=true] svg{fill:currentColor}
.under{justify-content:space-between;gap:12px;min-height:28px;padding:4px 4px 0}
.under .note{text-align:end}
@media(max-height:320px){.head{padding-block:2px}.log{padding-top:8px}.composer{padding-block:4px}}
@media(prefers-reduced-motion){.panel,.dots{animation:none!important}}
@media(pointer:coarse){.panel .chip{min-height:44px}}@media(forced-colors:active){.head p::before,.who::before{forced-color-adjust:none}}
`;
