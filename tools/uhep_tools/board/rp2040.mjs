// node rp2040.mjs NODE_MODULES FIRMWARE.uf2 FILESYSTEM OFFSET
// Runs MicroPython's firmware for the RP2040 in an emulator of that chip, with FILESYSTEM in flash
// from OFFSET on, and prints what it says at its USB port until it says an octet 4.
//
// The emulator has no boot ROM. What the firmware calls of it stands here: in place of each
// function the ROM has a breakpoint, and a return behind it (RP2040 datasheet, section 2.8.3).
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, firmware, filesystem, offset] = process.argv.slice(2);
const library = pathToFileURL(`${modules}/rp2040js/dist/esm/index.js`);
const { ConsoleLogger, LogLevel, Simulator, USBCDC } = await import(library);

const FLASH = 0x10000000;
const VECTORS = 0x100; // behind the second stage of boot, which this needs not
const UF2_MAGIC = 0x0a324655;
const UF2_NOT_FOR_FLASH = 1;
const END = 4;

const simulator = new Simulator();
const board = simulator.rp2040;
board.logger = new ConsoleLogger(LogLevel.Error, true);
const registers = board.core.registers;
const rom = new DataView(board.bootrom.buffer);
const flash = new DataView(board.flash.buffer);

const blocks = readFileSync(firmware);
for (let at = 0; at < blocks.length; at += 512) {
    const [magic, , flags, address, octets] = [0, 4, 8, 12, 16].map((i) => blocks.readUInt32LE(at + i));
    if (magic === UF2_MAGIC && !(flags & UF2_NOT_FOR_FLASH))
        board.flash.set(blocks.subarray(at + 32, at + 32 + octets), address - FLASH);
}
board.flash.set(readFileSync(filesystem), Number(offset));

const handlers = [];
let free = 0x400;
function entry(name, handler) {
    const at = free;
    rom.setUint16(at, 0xbe00 | handlers.length, true); // bkpt
    rom.setUint16(at + 2, 0x4770, true); // bx lr
    free += 4;
    handlers.push(handler ?? (() => { throw new Error(`the boot ROM's function ${name} is not here`); }));
    return at | 1;
}

function table(at, entries) {
    for (const [name, value] of entries) {
        rom.setUint16(at, name.charCodeAt(0) | name.charCodeAt(1) << 8, true);
        rom.setUint16(at + 2, value, true);
        at += 4;
    }
}

const result = (value) => { registers[0] = value >>> 0; };
const unsigned = (number) => registers[number] >>> 0;
function copy() {
    const [to, from, octets] = [unsigned(0), unsigned(1), unsigned(2)];
    for (let i = 0; i < octets; i++) board.writeUint8(to + i, board.readUint8(from + i));
}
function fill() {
    const [to, octets] = [unsigned(0), unsigned(2)];
    for (let i = 0; i < octets; i++) board.writeUint8(to + i, registers[1] & 255);
}
function program() {
    const [to, from, octets] = [unsigned(0), unsigned(1), unsigned(2)];
    for (let i = 0; i < octets; i++) board.flash[to + i] &= board.readUint8(from + i);
}
function ones() {
    let n = 0;
    for (let x = unsigned(0); x; x >>>= 1) n += x & 1;
    result(n);
}
function reversed() {
    let turned = 0;
    for (let i = 0; i < 32; i++) turned = turned << 1 | unsigned(0) >>> i & 1;
    result(turned);
}
const nothing = () => {};
table(0x100, Object.entries({
    P3: ones,
    R3: reversed,
    L3: () => result(Math.clz32(registers[0])),
    T3: () => result(registers[0] ? 31 - Math.clz32(registers[0] & -registers[0]) : 32),
    MS: fill,
    S4: fill,
    MC: copy,
    C4: copy,
    IF: nothing, // the flash is always there: connected, not in place, its cache, in place again
    EX: nothing,
    FC: nothing,
    CX: nothing,
    RE: () => board.flash.fill(255, unsigned(0), unsigned(0) + unsigned(1)),
    RP: program,
}).map(([name, handler]) => [name, entry(name, handler)]));

// Numbers of single precision, in the order of the ROM's table; the rest nobody calls.
const cell = new DataView(new ArrayBuffer(4));
function float(number) {
    cell.setUint32(0, unsigned(number));
    return cell.getFloat32(0);
}
function single(value) {
    cell.setFloat32(0, value);
    result(cell.getUint32(0));
}
const floats = [
    () => single(float(0) + float(1)),
    () => single(float(0) - float(1)),
    () => single(float(0) * float(1)),
    () => single(float(0) / float(1)),
    () => result(Math.sign(float(0) - float(1))),
    null,
    () => single(Math.sqrt(float(0))),
    () => result(Math.trunc(float(0))),
    null,
    () => result(Math.trunc(float(0))),
    null,
    () => single(registers[0]),
    null,
    () => single(unsigned(0)),
    null,
    () => single(Math.cos(float(0))),
    () => single(Math.sin(float(0))),
    () => single(Math.tan(float(0))),
    null,
    () => single(Math.exp(float(0))),
    () => single(Math.log(float(0))),
];
const [FLOATS, DOUBLES] = [0x300, 0x380];
for (let i = 0; i < 32; i++) {
    rom.setUint32(FLOATS + 4 * i, entry(`SF ${i}`, floats[i]), true);
    rom.setUint32(DOUBLES + 4 * i, entry(`SD ${i}`), true);
}
table(0x200, [["SF", FLOATS], ["SD", DOUBLES]]);

const lookup = entry("lookup", () => {
    for (let at = unsigned(0); ; at += 4) {
        const name = rom.getUint16(at, true);
        if (!name || name === (registers[1] & 0xffff)) return result(name && rom.getUint16(at + 2, true));
    }
});
rom.setUint32(0x10, 0x0201754d, true); // "Mu", 1, and the version, 2
rom.setUint16(0x14, 0x100, true);
rom.setUint16(0x16, 0x200, true);
rom.setUint16(0x18, lookup, true);
board.onBreak = (number) => {
    board.core.breakRewind = 0; // it goes on behind it
    handlers[number]();
};

board.core.VTOR = FLASH + VECTORS;
registers[13] = flash.getUint32(VECTORS, true);
board.core.PC = flash.getUint32(VECTORS + 4, true) & ~1;

const port = new USBCDC(board.usbCtrl);
port.onSerialData = (octets) => {
    const end = octets.indexOf(END);
    process.stdout.write(end < 0 ? octets : octets.subarray(0, end), () => { if (end >= 0) process.exit(0); });
    if (end >= 0) simulator.stop();
};
simulator.execute();
