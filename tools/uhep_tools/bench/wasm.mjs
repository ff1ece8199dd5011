// node wasm.mjs MICROPYTHON.mjs LIB SCRIPT [NAMES]
// Runs SCRIPT in MicroPython's WebAssembly build, where LIB is /lib, with the variables of the JSON
// object NAMES. Prints what it prints and then, as JSON, how many octets it left on the heap.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [build, lib, script, names] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(build));
const micropython = await loadMicroPython({ stdout: (line) => console.log(line) });

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
micropython.runPython("import gc, time");
for (const [name, value] of Object.entries(JSON.parse(names ?? "{}"))) {
    micropython.globals.set(name, value);
}
used();
const before = used();
micropython.runPython(readFileSync(script, "utf8"));
console.log(JSON.stringify({ heap_octets: used() - before }));
