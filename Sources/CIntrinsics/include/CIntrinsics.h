// What Swift has no spelling for and the pure core needs: prefetch, the CRC32C
// instruction, memory comparison. No system calls, no state.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void a2_prefetch_read(const void *_Nonnull address) { __builtin_prefetch(address, 0, 3); }

static inline void a2_prefetch_write(const void *_Nonnull address) { __builtin_prefetch(address, 1, 3); }

// For a loop that waits for another processor.
static inline void a2_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline int a2_memory_compare(const void *_Nonnull left, const void *_Nonnull right, size_t count) {
    return memcmp(left, right, count);
}

static inline const void *_Nullable a2_memory_find(const void *_Nonnull haystack, int byte, size_t count) {
    return memchr(haystack, byte, count);
}

static inline void a2_memory_move(void *_Nonnull to, const void *_Nonnull from, size_t count) {
    memmove(to, from, count);
}

static inline void a2_memory_copy(void *_Nonnull to, const void *_Nonnull from, size_t count) {
    memcpy(to, from, count);
}

static inline void a2_memory_zero(void *_Nonnull to, size_t count) { memset(to, 0, count); }

// CRC32C of `count` bytes, continuing from `crc` (pass 0 to start). Uses the processor's
// instruction where it exists, tables where it does not; both give the same result.
uint32_t a2_crc32c(uint32_t crc, const void *_Nonnull bytes, size_t count);

// The table form alone, so that a test can hold the two against each other.
uint32_t a2_crc32c_portable(uint32_t crc, const void *_Nonnull bytes, size_t count);

// ThreadSanitizer's runtime, there only in its build: what a lock does that it cannot see.
extern void __tsan_acquire(void *_Nonnull address);
extern void __tsan_release(void *_Nonnull address);
static inline void a2_sanitizer_acquire(void *_Nonnull address) { __tsan_acquire(address); }
static inline void a2_sanitizer_release(void *_Nonnull address) { __tsan_release(address); }
