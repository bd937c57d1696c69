// Runs the script of an explorer's page in node, without a browser: every element is a stub that swallows what is drawn.
// Arguments: the page.  Standard input: [[control, strength], ...].  Standard output: the page's state at each of them.
"use strict";
const fs = require("fs");
const html = fs.readFileSync(process.argv[2], "utf8");
const script = html.match(/<script>\n"use strict";([\s\S]*?)<\/script>/)[1];
const json = html.match(/<script type="application\/json" id="data">([\s\S]*?)<\/script>/)[1];

const stub = name => new Proxy(function () {}, {
  get(target, key) {
    if (key === Symbol.toPrimitive) return () => 0;
    if (key === Symbol.iterator) return function* () {};
    if (key === "textContent" && name === "data") return json;
    if (key === "checked") return true;
    return stub(`${name}.${String(key)}`);
  },
  set() { return true; },
  apply() { return stub(`${name}()`); },
});
global.document = {
  getElementById: stub, createElementNS: () => stub("node"), createElement: () => stub("tag"), activeElement: null,
};
global.window = {};
global.ResizeObserver = class { observe() {} };
global.requestAnimationFrame = draw => { draw(); return 1; };
global.cancelAnimationFrame = () => {};
(0, eval)(script);
const points = JSON.parse(fs.readFileSync(0, "utf8"));
const states = points.map(([control, strength]) => {
  const { overlap, free_entropy, ...rest } = window.ampTheory.select(control, strength);
  return rest;
});
console.log(JSON.stringify(states));
process.exit(0);
