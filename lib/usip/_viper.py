"""The work on samples in machine code; _plain.py does the same in bytecode, and says what."""

import micropython


@micropython.viper
def encode(law: int, pcm: ptr16, out: ptr8, at: int):
    end = at + 160
    i = 0
    while at < end:
        s = pcm[i]
        if law:
            mask = 0xD5
            if s & 0x8000:
                s ^= 0xFFFF
                mask = 0x55
            s >>= 3
            e = 0
            while s >> (e + 5):
                e += 1
            s = (s >> 1) & 15 if e < 2 else (s >> e) & 15
            out[at] = (e << 4 | s) ^ mask
        else:
            mask = 0xFF
            if s & 0x8000:
                s = 0x10000 - s
                mask = 0x7F
            if s > 32635:
                s = 32635
            s += 132
            e = 0
            while s >> (e + 8):
                e += 1
            out[at] = (e << 4 | (s >> (e + 3)) & 15) ^ mask
        i += 1
        at += 1


@micropython.viper
def decode(data: ptr8, pcm: ptr16, job: ptr16):
    law = job[0]
    at = job[1]
    end = at + job[2]
    to = job[3]
    while at < end:
        c = data[at]
        if law:
            c ^= 0x55
            e = (c >> 4) & 7
            s = (c & 15) << 4
            s = s + 8 if e == 0 else (s + 0x108) << (e - 1)
            if not c & 0x80:
                s = 0 - s
        else:
            c ^= 0xFF
            s = ((((c & 15) << 3) + 132) << ((c >> 4) & 7)) - 132
            if c & 0x80:
                s = 0 - s
        pcm[to] = s & 0xFFFF
        at += 1
        to += 1


@micropython.viper
def halve(pcm: ptr16):
    i = 0
    while i < 160:
        s = pcm[i]
        if s & 0x8000:
            s = 0x10000 - ((0x10000 - s) >> 1)
        else:
            s >>= 1
        pcm[i] = s & 0xFFFF
        i += 1


@micropython.viper
def mix(pcm: ptr16, sine: ptr16, state: ptr16):
    i = 0
    a = state[0]
    b = state[2]
    while i < 160:
        pcm[i] = (sine[a >> 8] + sine[b >> 8]) & 0xFFFF
        a = (a + state[1]) & 0xFFFF
        b = (b + state[3]) & 0xFFFF
        i += 1
    state[0] = a
    state[2] = b
