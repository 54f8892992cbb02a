// What Swift's Glibc module lacks.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
