// What Swift cannot ask of libedit itself: functions with a variable number of arguments, and the global streams.
#pragma once

#include <histedit.h>
