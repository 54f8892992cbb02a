// CRC32C (Castagnoli, reflected polynomial 0x82F63B78): the checksum of every frame,
// log batch and snapshot block. Eight bytes at a time, by instruction or by tables.
#include "CIntrinsics.h"

static uint32_t tables[8][256];

__attribute__((constructor)) static void make_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1u)));
        tables[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int slice = 1; slice < 8; slice++)
            tables[slice][byte] = (tables[slice - 1][byte] >> 8) ^ tables[0][tables[slice - 1][byte] & 0xFF];
}

uint32_t a2_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *at = bytes;
    crc = ~crc;
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        word ^= crc;
        crc = tables[7][word & 0xFF] ^ tables[6][(word >> 8) & 0xFF] ^ tables[5][(word >> 16) & 0xFF] ^
              tables[4][(word >> 24) & 0xFF] ^ tables[3][(word >> 32) & 0xFF] ^ tables[2][(word >> 40) & 0xFF] ^
              tables[1][(word >> 48) & 0xFF] ^ tables[0][word >> 56];
        at += 8;
        count -= 8;
    }
    while (count--) crc = (crc >> 8) ^ tables[0][(crc ^ *at++) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *at = bytes;
    uint64_t state = (uint32_t)~crc;
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        state = __builtin_ia32_crc32di(state, word);
        at += 8;
        count -= 8;
    }
    // Each step waits for the one before, so as few as the length allows.
    uint32_t rest = (uint32_t)state;
    if (count & 4) {
        uint32_t word;
        memcpy(&word, at, 4);
        rest = __builtin_ia32_crc32si(rest, word);
        at += 4;
    }
    if (count & 2) {
        uint16_t word;
        memcpy(&word, at, 2);
        rest = __builtin_ia32_crc32hi(rest, word);
        at += 2;
    }
    if (count & 1) rest = __builtin_ia32_crc32qi(rest, *at);
    return ~rest;
}

static int has_instruction;

__attribute__((constructor)) static void look_for_instruction(void) {
    __builtin_cpu_init();
    has_instruction = __builtin_cpu_supports("sse4.2");
}

uint32_t a2_crc32c(uint32_t crc, const void *bytes, size_t count) {
    return has_instruction ? by_instruction(crc, bytes, count) : a2_crc32c_portable(crc, bytes, count);
}

#else

uint32_t a2_crc32c(uint32_t crc, const void *bytes, size_t count) {
    return a2_crc32c_portable(crc, bytes, count);
}

#endif
