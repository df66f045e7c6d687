/* Nothing at all: what is timed with it is the sandbox alone. Built without a C library, whose start would count. */
void _start(void) {
    __asm__ volatile("mov $60, %eax\n\txor %edi, %edi\n\tsyscall");
}
