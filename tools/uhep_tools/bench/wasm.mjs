// node wasm.mjs MICROPYTHON.mjs LIB SCRIPT [NAMES]
// Runs SCRIPT in MicroPython's WebAssembly build, where LIB is /lib, with the variables of the JSON
// object NAMES; if one is `stages`, so often, with `stage` from 0 on. Prints what it prints and
// then, as JSON, how many octets it left on the heap, and how many of these are names (qstrs);
// with stages a list of these after each, with the modules that are loaded.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [build, lib, script, names] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(build));
let qstrs = 0;
const micropython = await loadMicroPython({
    stdout: (line) => {
        const told = /^qstr pool: .* n_total_bytes=(\d+)/.exec(line);
        if (told) qstrs = Number(told[1]);
        else console.log(line);
    },
});

function copy(from, to) {
    micropython.FS.mkdirTree(to);
    for (const entry of readdirSync(from, { withFileTypes: true })) {
        const [source, target] = [join(from, entry.name), `${to}/${entry.name}`];
        if (entry.isDirectory()) copy(source, target);
        else if (/\.m?py$/.test(entry.name)) micropython.FS.writeFile(target, readFileSync(source));
    }
}
copy(lib, "/lib");

// This build collects garbage only between two runs.
function used() {
    micropython.runPython("gc.collect()");
    micropython.runPython("used = gc.mem_alloc()");
    return micropython.globals.get("used");
}

// `time` is Python code in this build and none of the agent's; on a board it is not.
micropython.runPython("import gc, json, micropython, sys, time");
const given = JSON.parse(names ?? "{}");
for (const [name, value] of Object.entries(given)) micropython.globals.set(name, value);
micropython.globals.set("stage", 0);
function named() {
    micropython.runPython("micropython.qstr_info()");
    return qstrs;
}
used();
const [before, names_before] = [used(), named()];
const text = readFileSync(script, "utf8");
const found = [];
for (let stage = 0; stage < (given.stages ?? 1); stage++) {
    micropython.globals.set("stage", stage);
    micropython.runPython(text);
    const left = { heap_octets: used() - before, name_octets: named() - names_before };
    if (given.stages) {
        micropython.runPython("modules = json.dumps(list(sys.modules))");
        left.modules = JSON.parse(micropython.globals.get("modules"));
    }
    found.push(left);
}
console.log(JSON.stringify(given.stages ? { stages: found } : found[0]));
