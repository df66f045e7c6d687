/*
 * A Java launcher that starts before there is a program: java WARM-UP [OPTION...] [quick]
 *
 * It starts the JVM with the options, runs the warm-up, reports that it is ready, waits for the command line with which
 * `java` would have been started, and then does what `java` does with it, in the order of java.c of the JDK.
 * See docs/launchers.md.
 *
 * WARM-UP is the path, without .class, of a class with the static methods `warmUp()` and `start()`, of which the second takes
 * less time and is called if the last word is `quick`. All classes of its directory are
 * defined before it runs: with jdk=PATH in the JDK's package sun.launcher, where programs do not see them, or with
 * app=PATH by the class loader of the program's classes.
 *
 * Without descriptor 3 it exits after the warm-up. That serves to archive the classes that the warm-up loads.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <jni.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_LINE_FD 3
/* Moved there, so that the descriptors of the JVM and the program have the numbers that they would have with `java`. */
#define MOVED_FD 200

/* Names the library with which this process forks, if it is a zygote. Removed before the JVM starts. */
#define ZYGOTE_VARIABLE "EXECUTOR_FORK_LIBRARY"

#define LM_CLASS 1

/* Maximum size of a class of the warm-up, and of an argument file, in bytes. */
#define MAX_FILE (1 << 20)

static const char *const DIRECTORIES[] = {"/usr/local/bin", "/usr/bin", "/bin"};

/* The defaults that the JVM returns in the format of JDK 1.1; see java.h of the JDK's launcher. */
struct defaults {
    jint version;
    char **properties;
    jint checkSource;
    jint nativeStackSize;
    jint javaStackSize;
    char rest[256];
};

struct program {
    char *warm_up;
    int is_quick;
    JavaVMInitArgs vm_arguments;
    jint (*create_vm)(JavaVM **, void **, void *);
    JavaVM *vm;
    int waits;
    int status;
    /* Forks this process, or NULL. */
    int (*zygote_fork)(int);
    /* Posted when the warm-up is over, and when this process is a fork that may continue. */
    sem_t is_warm, may_continue;
};

/* Exits without a message: the program has not begun, and that the sandbox is not ready is enough to report. */
static void fail(void)
{
    _exit(1);
}

static void *non_null(void *pointer)
{
    if (pointer == NULL)
        fail();
    return pointer;
}

static void *load_libjvm(void)
{
    char path[PATH_MAX], real[PATH_MAX];

    for (unsigned i = 0; i < sizeof DIRECTORIES / sizeof *DIRECTORIES; i++) {
        snprintf(path, sizeof path, "%s/java", DIRECTORIES[i]);
        if (realpath(path, real) == NULL)
            continue;
        /* .../bin/java */
        *strrchr(real, '/') = 0;
        *strrchr(real, '/') = 0;
        if (snprintf(path, sizeof path, "%s/lib/server/libjvm.so", real) < (int)sizeof path)
            return dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    }
    return NULL;
}

/* Converts the command line to JVM options, as java.c does. */
static void add_options(struct program *program, int count, char **words)
{
    JavaVMOption *options = non_null(calloc(count + 2, sizeof *options));
    int made = 0;

    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "-cp") == 0 && i + 1 < count) {
            i++;
            char *option = non_null(malloc(strlen(words[i]) + sizeof "-Djava.class.path="));
            sprintf(option, "-Djava.class.path=%s", words[i]);
            options[made++].optionString = option;
        } else {
            options[made++].optionString = words[i];
        }
    }
    /* Set again when the command line is known. */
    options[made++].optionString = "-Dsun.java.command=";
    options[made++].optionString = "-Dsun.java.launcher=SUN_STANDARD";
    program->vm_arguments.version = JNI_VERSION_1_2;
    program->vm_arguments.nOptions = made;
    program->vm_arguments.options = options;
}

static void *read_file(const char *path, size_t *length)
{
    FILE *file = non_null(fopen(path, "re"));
    /* One byte more, for a NUL that the caller may append. */
    char *bytes = non_null(malloc(MAX_FILE + 1));

    *length = fread(bytes, 1, MAX_FILE, file);
    fclose(file);
    return bytes;
}

/* Returns the class loader for the class path. */
static jobject system_loader(JNIEnv *env)
{
    jclass class = non_null((*env)->FindClass(env, "java/lang/ClassLoader"));
    jmethodID get = (*env)->GetStaticMethodID(env, class, "getSystemClassLoader", "()Ljava/lang/ClassLoader;");
    return (*env)->CallStaticObjectMethod(env, class, non_null(get));
}

/* Defines all classes of a directory and returns the named one. */
static jclass define_classes(JNIEnv *env, jobject loader, const char *directory, const char *name)
{
    jclass named = NULL;
    DIR *entries = non_null(opendir(directory));
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[PATH_MAX];
        size_t length;
        char *suffix = strstr(entry->d_name, ".class");
        if (suffix == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        void *bytes = read_file(path, &length);
        jclass class = non_null((*env)->DefineClass(env, NULL, loader, bytes, length));
        free(bytes);
        *suffix = 0;
        if (strcmp(entry->d_name, name) == 0)
            named = class;
        else
            (*env)->DeleteLocalRef(env, class);
    }
    closedir(entries);
    return non_null(named);
}

/* Runs the warm-up in a thread of its own, so that it does not change the state of the main thread, such as the hash codes of
   its next objects. */
static void *warm_up(void *pointer)
{
    struct program *program = pointer;
    JavaVMAttachArgs attach = {JNI_VERSION_1_8, "warm-up", NULL};
    JNIEnv *env;

    char *name = strrchr(program->warm_up, '/');
    int is_app = strncmp(program->warm_up, "app=/", 5) == 0;
    if (name == NULL || (!is_app && strncmp(program->warm_up, "jdk=/", 5) != 0))
        fail();
    *name++ = 0;
    if ((*program->vm)->AttachCurrentThreadAsDaemon(program->vm, (void **)&env, &attach) != JNI_OK)
        fail();
    jclass class = define_classes(env, is_app ? system_loader(env) : NULL, program->warm_up + 4, name);
    jmethodID method = non_null((*env)->GetStaticMethodID(env, class, program->is_quick ? "start" : "warmUp", "()V"));
    (*env)->CallStaticVoidMethod(env, class, method);
    if ((*env)->ExceptionCheck(env))
        fail();
    (*program->vm)->DetachCurrentThread(program->vm);
    return NULL;
}

/* Returns the field with the number of the next thread. Returns NULL if this JDK does not have it; threads then get higher
   numbers. */
static jfieldID thread_numbers(JNIEnv *env, jclass *thread)
{
    *thread = non_null((*env)->FindClass(env, "java/lang/Thread"));
    jfieldID numbers = (*env)->GetStaticFieldID(env, *thread, "threadSeqNumber", "J");
    (*env)->ExceptionClear(env);
    return numbers;
}

/* Runs the warm-up. The threads of the program get the numbers that they would have without it. */
static void warm_up_unnumbered(JNIEnv *env, struct program *program)
{
    /* The cleaner thread always starts before a program does. */
    jclass factory = (*env)->FindClass(env, "jdk/internal/ref/CleanerFactory");
    if (factory != NULL)
        (*env)->GetStaticMethodID(env, factory, "cleaner", "()Ljava/lang/ref/Cleaner;");
    (*env)->ExceptionClear(env);

    jclass thread;
    jfieldID numbers = thread_numbers(env, &thread);
    jlong number = numbers == NULL ? 0 : (*env)->GetStaticLongField(env, thread, numbers);
    pthread_t warming;
    if (pthread_create(&warming, NULL, warm_up, program) != 0 || pthread_join(warming, NULL) != 0)
        fail();
    if (numbers != NULL)
        (*env)->SetStaticLongField(env, thread, numbers, number);
}

/* Returns the arguments, each of which ends with a NUL, and their length. Exits if there are none. */
static char *wait_for_command_line(size_t *length)
{
    size_t room = 1 << 16;
    char *words = non_null(malloc(room));

    if (write(MOVED_FD, "R", 1) != 1)
        fail();
    *length = 0;
    for (;;) {
        ssize_t got = read(MOVED_FD, words + *length, room - *length - 1);
        if (got < 0)
            fail();
        if (got == 0)
            break;
        *length += got;
        if (*length + 1 == room)
            words = non_null(realloc(words, room *= 2));
    }
    close(MOVED_FD);
    if (*length == 0)
        _exit(0);
    words[*length] = 0;
    return words;
}

/* Returns the argument in an argument file (`java @FILE`) that contains only one. */
static char *argument_in_file(const char *path)
{
    size_t length;
    char *text = read_file(path, &length);

    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        length--;
    text[length] = 0;
    return text;
}

static void set_command(JNIEnv *env, const char *class, char **arguments, int count)
{
    size_t length = strlen(class) + 1;
    for (int i = 0; i < count; i++)
        length += strlen(arguments[i]) + 1;
    char *command = non_null(malloc(length));
    strcpy(command, class);
    for (int i = 0; i < count; i++) {
        strcat(command, " ");
        strcat(command, arguments[i]);
    }

    jclass system = (*env)->FindClass(env, "java/lang/System");
    jmethodID set = (*env)->GetStaticMethodID(env, system, "setProperty",
        "(Ljava/lang/String;Ljava/lang/String;)Ljava/lang/String;");
    jclass helper = (*env)->FindClass(env, "sun/launcher/LauncherHelper");
    jmethodID decode = (*env)->GetStaticMethodID(env, helper, "makePlatformString", "(Z[B)Ljava/lang/String;");
    jbyteArray bytes = (*env)->NewByteArray(env, strlen(command));
    (*env)->SetByteArrayRegion(env, bytes, 0, strlen(command), (jbyte *)command);
    jstring value = (*env)->CallStaticObjectMethod(env, helper, decode, JNI_TRUE, bytes);
    (*env)->CallStaticObjectMethod(env, system, set, (*env)->NewStringUTF(env, "sun.java.command"), value);
    free(command);
}

static jobjectArray new_arguments(JNIEnv *env, char **arguments, int count)
{
    jclass helper = (*env)->FindClass(env, "sun/launcher/LauncherHelper");
    jmethodID decode = (*env)->GetStaticMethodID(env, helper, "makePlatformString", "(Z[B)Ljava/lang/String;");
    jobjectArray array = (*env)->NewObjectArray(env, count, (*env)->FindClass(env, "java/lang/String"), NULL);
    for (int i = 0; i < count; i++) {
        jsize length = strlen(arguments[i]);
        jbyteArray bytes = (*env)->NewByteArray(env, length);
        (*env)->SetByteArrayRegion(env, bytes, 0, length, (jbyte *)arguments[i]);
        jstring argument = (*env)->CallStaticObjectMethod(env, helper, decode, JNI_TRUE, bytes);
        (*env)->SetObjectArrayElement(env, array, i, argument);
        (*env)->DeleteLocalRef(env, bytes);
        (*env)->DeleteLocalRef(env, argument);
    }
    return array;
}

/* Does what JavaMain of java.c does after the JVM has started. Returns 0, or 1 if the main thread ended with an exception. */
static int run_main(JNIEnv *env, char **words, int count)
{
    int i = 1;
    while (i < count && words[i][0] == '-')
        i += strcmp(words[i], "-cp") == 0 ? 2 : 1;
    if (i >= count)
        return 1;
    const char *name = words[i][0] == '@' ? argument_in_file(words[i] + 1) : words[i];
    char **arguments = words + i + 1;
    count -= i + 1;

    set_command(env, name, arguments, count);
    jclass helper = (*env)->FindClass(env, "sun/launcher/LauncherHelper");
    jmethodID check = (*env)->GetStaticMethodID(env, helper, "checkAndLoadMain", "(ZILjava/lang/String;)Ljava/lang/Class;");
    jclass class = (*env)->CallStaticObjectMethod(env, helper, check, JNI_TRUE, LM_CLASS, (*env)->NewStringUTF(env, name));
    if ((*env)->ExceptionOccurred(env) != NULL || class == NULL) {
        (*env)->ExceptionDescribe(env);
        return 1;
    }
    jobjectArray array = new_arguments(env, arguments, count);
    jmethodID main = (*env)->GetStaticMethodID(env, class, "main", "([Ljava/lang/String;)V");
    if (main == NULL) {
        (*env)->ExceptionDescribe(env);
        return 1;
    }
    (*env)->CallStaticVoidMethod(env, class, main, array);
    return (*env)->ExceptionOccurred(env) != NULL;
}

static int wait_and_run(JNIEnv *env)
{
    size_t length;
    char *text = wait_for_command_line(&length);
    int count = 0;
    for (size_t i = 0; i < length; i++)
        count += text[i] == 0;
    char **words = non_null(calloc(count + 1, sizeof *words));
    for (int i = 0; i < count; i++) {
        words[i] = text;
        text += strlen(text) + 1;
    }
    return run_main(env, words, count);
}

static void *main_thread(void *pointer)
{
    struct program *program = pointer;
    JNIEnv *env;

    if (program->create_vm(&program->vm, (void **)&env, &program->vm_arguments) != JNI_OK)
        fail();
    warm_up_unnumbered(env, program);
    sem_post(&program->is_warm);
    while (sem_wait(&program->may_continue) != 0)
        ;
    if (program->waits)
        program->status = wait_and_run(env);
    /* Reports an uncaught exception through the handler that the program has set. */
    if ((*program->vm)->DetachCurrentThread(program->vm) != JNI_OK)
        program->status = 1;
    /* Waits for the other threads of the program. */
    (*program->vm)->DestroyJavaVM(program->vm);
    return NULL;
}

/* Returns the number of bytes in the option -Xss, or 0. Like java.c, rounds up to whole pages. */
static size_t requested_stack_size(int count, char **words)
{
    size_t page = sysconf(_SC_PAGESIZE);

    for (int i = 0; i < count; i++)
        if (strncmp(words[i], "-Xss", 4) == 0)
            return (strtoull(words[i] + 4, NULL, 10) + page - 1) / page * page;
    return 0;
}

int main(int count, char **words)
{
    struct program program = {0};
    struct defaults defaults = {.version = JNI_VERSION_1_1};
    pthread_attr_t attributes;
    pthread_t thread;

    program.is_quick = strcmp(words[count - 1], "quick") == 0;
    count -= program.is_quick;
    if (count < 2)
        fail();
    program.waits = dup3(COMMAND_LINE_FD, MOVED_FD, O_CLOEXEC) == MOVED_FD;
    close(COMMAND_LINE_FD);
    void *libjvm = non_null(load_libjvm());
    *(void **)&program.create_vm = non_null(dlsym(libjvm, "JNI_CreateJavaVM"));
    jint (*default_arguments)(void *);
    *(void **)&default_arguments = non_null(dlsym(libjvm, "JNI_GetDefaultJavaVMInitArgs"));
    program.warm_up = words[1];
    add_options(&program, count - 2, words + 2);

    const char *library = getenv(ZYGOTE_VARIABLE);
    if (library != NULL)
        *(void **)&program.zygote_fork = non_null(dlsym(non_null(dlopen(library, RTLD_NOW)), "executor_fork"));
    unsetenv(ZYGOTE_VARIABLE);
    sem_init(&program.is_warm, 0, 0);
    sem_init(&program.may_continue, 0, 0);

    /* As in java.c, the main thread of Java is not that of the process, whose stack size the kernel determines. */
    default_arguments(&defaults);
    pthread_attr_init(&attributes);
    size_t stack_size = requested_stack_size(count - 2, words + 2);
    if (stack_size == 0 && defaults.javaStackSize > 0)
        stack_size = defaults.javaStackSize;
    if (stack_size > 0 && pthread_attr_setstacksize(&attributes, stack_size) != 0)
        fail();
    pthread_attr_setguardsize(&attributes, 0);
    if (pthread_create(&thread, &attributes, main_thread, &program) != 0)
        fail();
    while (sem_wait(&program.is_warm) != 0)
        ;
    /* Returns in each fork, in which the threads of the JVM continue. */
    if (program.zygote_fork != NULL && program.zygote_fork(MOVED_FD) != 0)
        fail();
    sem_post(&program.may_continue);
    if (pthread_join(thread, NULL) != 0)
        fail();
    return program.status;
}
