// node wasm.mjs MICROPYTHON.mjs LIB SCRIPT
// Runs SCRIPT in MicroPython's WebAssembly build, where LIB/uhep is /lib/uhep. Prints what it
// prints and then, as JSON, how many octets it left on the heap.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [build, lib, script] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(build));
const micropython = await loadMicroPython({ stdout: (line) => console.log(line) });

micropython.FS.mkdirTree("/lib/uhep");
for (const name of readdirSync(join(lib, "uhep"))) {
    if (/\.m?py$/.test(name)) {
        micropython.FS.writeFile("/lib/uhep/" + name, readFileSync(join(lib, "uhep", name)));
    }
}

// This build collects garbage only between two runs.
function used() {
    micropython.runPython("gc.collect()");
    micropython.runPython("used = gc.mem_alloc()");
    return micropython.globals.get("used");
}

// `time` is Python code in this build and none of the agent's; on a board it is not.
micropython.runPython("import gc, time");
used();
const before = used();
micropython.runPython(readFileSync(script, "utf8"));
console.log(JSON.stringify({ heap_octets: used() - before }));
