// libedit as functions that Swift can call.
#include "CEdit.h"
