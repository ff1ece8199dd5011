// Runs a script of the device's tests on 32-bit MicroPython (WebAssembly, no socket module):
//   node wasm.mjs micropython.mjs LIB DEVICE script.py [argument ...]
// LIB and DEVICE are copied to /lib and /device of its own file system.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [interpreter, lib, device, script, ...args] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(interpreter).href);
const mp = await loadMicroPython({ heapsize: 1024 * 1024, linebuffer: true });

function copy(from, to) {
    mp.FS.mkdir(to);
    for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
        const source = path.join(from, entry.name);
        if (entry.isDirectory()) copy(source, `${to}/${entry.name}`);
        else if (/\.m?py$/.test(entry.name)) mp.FS.writeFile(`${to}/${entry.name}`, fs.readFileSync(source));
    }
}
copy(device, "/device");
try {
    copy(lib, "/uselib");
    mp.runPython(`import sys
sys.path[:] = ["/uselib", "/device"]
sys.argv[:] = ${JSON.stringify([script, ...args])}
__file__ = "/device/" + sys.argv[0]`);
    mp.runPython(fs.readFileSync(path.join(device, script), "utf8"));
} catch (error) {
    // The error's own text is Python's traceback; node would print its whole source with it.
    console.log(error.message);
    process.exitCode = 1;
}
