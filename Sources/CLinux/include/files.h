// Files that must survive a crash: opening by intent, writing at an offset, allocating ahead, locks, directories.
// Conventions as in CLinux.h, which includes this.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    A2_FILE_READ = 0,
    // It must exist.
    A2_FILE_WRITE = 1,
    // It must not exist.
    A2_FILE_CREATE = 2,
    // What it held is gone.
    A2_FILE_REPLACE = 3,
    A2_FILE_WRITE_OR_CREATE = 4,
};
int a2_file_open(const char *_Nonnull path, int how, unsigned mode);
int64_t a2_file_length(int descriptor);
// Says which file of its file system it is, and when it was made: a copy has another. 0 where that cannot be told.
uint64_t a2_file_home(int descriptor);
ssize_t a2_read_at(int descriptor, void *_Nonnull bytes, size_t count, int64_t offset);
ssize_t a2_write_at(int descriptor, const void *_Nonnull bytes, size_t count, int64_t offset);
// Makes the file `length` bytes long at least and gives all of them room on the disk; new bytes read as zero.
int a2_file_allocate(int descriptor, int64_t length);
int a2_file_truncate(int descriptor, int64_t length);
int a2_data_sync(int descriptor);
// Whole-file locks that go with the open file. Does not wait: -EWOULDBLOCK when another holds it.
int a2_file_lock(int descriptor, int exclusive);

// A read-only mapping of the first `length` bytes, null on failure with the negated errno in `error`.
void *_Nullable a2_file_map(int descriptor, size_t length, int *_Nonnull error);

int a2_make_directory(const char *_Nonnull path, unsigned mode);
int a2_remove_file(const char *_Nonnull path);
int a2_sync_directory(const char *_Nonnull path);
// The names in a directory, without "." and "..", each ended by a zero byte, into memory that the caller frees with
// a2_free_names; returns how many bytes that is.
int64_t a2_list_directory(const char *_Nonnull path, char *_Nullable *_Nonnull names);
void a2_free_names(char *_Nullable names);
