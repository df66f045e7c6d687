/* What `compile` and wait.c say to each other. In the environment: */
#define WAIT_AT "EXECUTOR_CPP_WAIT_AT"         /* to open this is to wait */
#define WAIT_SOURCE "EXECUTOR_CPP_WAIT_SOURCE" /* for a compiler: the program's file, which is not there yet */
#define WAIT_BLANK "EXECUTOR_CPP_WAIT_BLANK"   /* and a file of blank lines to be read meanwhile */
/* Descriptors: who waits writes a byte, and then reads a path with a NUL behind it, or the end. */
#define WAIT_READY 3
#define WAIT_TOLD 4
