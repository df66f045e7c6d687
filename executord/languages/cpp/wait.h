/* Interface between `compile` and wait.c. Environment variables: */
#define WAIT_AT "EXECUTOR_CPP_WAIT_AT"         /* path at which the process waits when it opens it */
#define WAIT_SOURCE "EXECUTOR_CPP_WAIT_SOURCE" /* compilers only: path of the source file, which does not exist yet */
#define WAIT_BLANK "EXECUTOR_CPP_WAIT_BLANK"   /* compilers only: path of a file of blank lines, read instead */
/* Descriptors: the process writes one byte to the first, then reads a path that ends with a NUL, or the end of file, from
   the second. */
#define WAIT_READY 3
#define WAIT_PATH 4
