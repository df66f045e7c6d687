/*
 * A Java launcher for a program that comes later: java WARM-UP [OPTION...]
 *
 * It starts the JVM with the options, runs the warm-up, says that it is ready, waits for the words of the command line
 * that `java` would have been started with, and then does with them what `java` does, in the order of java.c of the JDK.
 * See docs/launchers.md.
 *
 * WARM-UP is the path, without .class, of a class with a static method `warmUp()`. All classes of its directory are
 * defined beforehand: as jdk=PATH in the JDK's package sun.launcher, where no program sees them, or as app=PATH where the
 * program's classes are.
 *
 * Without descriptor 3 it ends after the warm-up: so an archive is made of the classes that this needs.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <jni.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GIVEN 3
/* Out of the way, so that the JVM and the program open files with the numbers they would have without us. */
#define AWAY 200

#define LM_CLASS 1

static const char *const DIRECTORIES[] = {"/usr/local/bin", "/usr/bin", "/bin"};

/* What the JVM says of itself to who asks in the words of JDK 1.1; java.h of the JDK's launcher. */
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
    JavaVMInitArgs vm_arguments;
    jint (*create_vm)(JavaVM **, void **, void *);
    JavaVM *vm;
    int waits;
    int status;
};

/* What went wrong before the program began is nobody's to see: the sandbox is not ready, and that says all. */
static void give_up(void)
{
    _exit(1);
}

static void *checked(void *pointer)
{
    if (pointer == NULL)
        give_up();
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

/* As java.c makes of a command line what the JVM understands. */
static void add_options(struct program *program, int count, char **words)
{
    JavaVMOption *options = checked(calloc(count + 2, sizeof *options));
    int made = 0;

    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "-cp") == 0 && i + 1 < count) {
            i++;
            char *option = checked(malloc(strlen(words[i]) + sizeof "-Djava.class.path="));
            sprintf(option, "-Djava.class.path=%s", words[i]);
            options[made++].optionString = option;
        } else {
            options[made++].optionString = words[i];
        }
    }
    /* Set again when there is a command. */
    options[made++].optionString = "-Dsun.java.command=";
    options[made++].optionString = "-Dsun.java.launcher=SUN_STANDARD";
    program->vm_arguments.version = JNI_VERSION_1_2;
    program->vm_arguments.nOptions = made;
    program->vm_arguments.options = options;
}

static void *read_file(const char *path, size_t *length)
{
    FILE *file = checked(fopen(path, "re"));
    char *bytes = checked(malloc(1 << 20));

    *length = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

/* What would be found on the class path, were it there. */
static jobject system_loader(JNIEnv *env)
{
    jclass class = checked((*env)->FindClass(env, "java/lang/ClassLoader"));
    jmethodID get = (*env)->GetStaticMethodID(env, class, "getSystemClassLoader", "()Ljava/lang/ClassLoader;");
    return (*env)->CallStaticObjectMethod(env, class, checked(get));
}

/* Defines all classes of a directory and returns the named one. */
static jclass define_classes(JNIEnv *env, jobject loader, const char *directory, const char *name)
{
    jclass named = NULL;
    DIR *entries = checked(opendir(directory));
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[PATH_MAX];
        size_t length;
        char *suffix = strstr(entry->d_name, ".class");
        if (suffix == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        void *bytes = read_file(path, &length);
        jclass class = checked((*env)->DefineClass(env, NULL, loader, bytes, length));
        free(bytes);
        *suffix = 0;
        if (strcmp(entry->d_name, name) == 0)
            named = class;
        else
            (*env)->DeleteLocalRef(env, class);
    }
    closedir(entries);
    return checked(named);
}

/* In a thread of its own, so that what belongs to the main thread is as new: the hash codes of its objects, say. */
static void *warm_up(void *pointer)
{
    struct program *program = pointer;
    JavaVMAttachArgs attach = {JNI_VERSION_1_8, "warm-up", NULL};
    JNIEnv *env;

    char *name = strrchr(program->warm_up, '/');
    int is_app = strncmp(program->warm_up, "app=/", 5) == 0;
    if (name == NULL || (!is_app && strncmp(program->warm_up, "jdk=/", 5) != 0))
        give_up();
    *name++ = 0;
    if ((*program->vm)->AttachCurrentThreadAsDaemon(program->vm, (void **)&env, &attach) != JNI_OK)
        give_up();
    jclass class = define_classes(env, is_app ? system_loader(env) : NULL, program->warm_up + 4, name);
    jmethodID method = checked((*env)->GetStaticMethodID(env, class, "warmUp", "()V"));
    (*env)->CallStaticVoidMethod(env, class, method);
    if ((*env)->ExceptionCheck(env))
        give_up();
    (*program->vm)->DetachCurrentThread(program->vm);
    return NULL;
}

/* Where the JDK keeps the number of its next thread; NULL if that is elsewhere, and threads get higher numbers then. */
static jfieldID thread_numbers(JNIEnv *env, jclass *thread)
{
    *thread = checked((*env)->FindClass(env, "java/lang/Thread"));
    jfieldID numbers = (*env)->GetStaticFieldID(env, *thread, "threadSeqNumber", "J");
    (*env)->ExceptionClear(env);
    return numbers;
}

/* Runs the warm-up, so that the threads of the program get the numbers which they would have without it. */
static void warm_up_unnumbered(JNIEnv *env, struct program *program)
{
    /* The thread that cleans up is always there before a program is. */
    jclass factory = (*env)->FindClass(env, "jdk/internal/ref/CleanerFactory");
    if (factory != NULL)
        (*env)->GetStaticMethodID(env, factory, "cleaner", "()Ljava/lang/ref/Cleaner;");
    (*env)->ExceptionClear(env);

    jclass thread;
    jfieldID numbers = thread_numbers(env, &thread);
    jlong number = numbers == NULL ? 0 : (*env)->GetStaticLongField(env, thread, numbers);
    pthread_t warming;
    if (pthread_create(&warming, NULL, warm_up, program) != 0 || pthread_join(warming, NULL) != 0)
        give_up();
    if (numbers != NULL)
        (*env)->SetStaticLongField(env, thread, numbers, number);
}

/* The words, each ended by a NUL, and their number; does not return without any. */
static char *wait_for_words(size_t *length)
{
    size_t room = 1 << 16;
    char *words = checked(malloc(room));

    if (write(AWAY, "R", 1) != 1)
        give_up();
    *length = 0;
    for (;;) {
        ssize_t got = read(AWAY, words + *length, room - *length - 1);
        if (got < 0)
            give_up();
        if (got == 0)
            break;
        *length += got;
        if (*length + 1 == room)
            words = checked(realloc(words, room *= 2));
    }
    close(AWAY);
    if (*length == 0)
        _exit(0);
    words[*length] = 0;
    return words;
}

/* The one word in a file that stands for it, as `java @FILE` has it. */
static char *word_in_file(const char *path)
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
    char *command = checked(malloc(length));
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

/* JavaMain of java.c, from where the JVM is up: 0, or 1 if the main thread ended with an exception. */
static int run_main(JNIEnv *env, char **words, int count)
{
    int i = 1;
    while (i < count && words[i][0] == '-')
        i += strcmp(words[i], "-cp") == 0 ? 2 : 1;
    if (i >= count)
        return 1;
    const char *name = words[i][0] == '@' ? word_in_file(words[i] + 1) : words[i];
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
    char *text = wait_for_words(&length);
    int count = 0;
    for (size_t i = 0; i < length; i++)
        count += text[i] == 0;
    char **words = checked(calloc(count + 1, sizeof *words));
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
        give_up();
    warm_up_unnumbered(env, program);
    if (program->waits)
        program->status = wait_and_run(env);
    /* Tells of an exception that nobody caught, in the way the program asked for. */
    if ((*program->vm)->DetachCurrentThread(program->vm) != JNI_OK)
        program->status = 1;
    /* Waits for the program's other threads. */
    (*program->vm)->DestroyJavaVM(program->vm);
    return NULL;
}

int main(int count, char **words)
{
    struct program program = {0};
    struct defaults defaults = {.version = JNI_VERSION_1_1};
    pthread_attr_t attributes;
    pthread_t thread;

    if (count < 2)
        give_up();
    program.waits = dup3(GIVEN, AWAY, O_CLOEXEC) == AWAY;
    close(GIVEN);
    void *libjvm = checked(load_libjvm());
    *(void **)&program.create_vm = checked(dlsym(libjvm, "JNI_CreateJavaVM"));
    jint (*default_arguments)(void *);
    *(void **)&default_arguments = checked(dlsym(libjvm, "JNI_GetDefaultJavaVMInitArgs"));
    program.warm_up = words[1];
    add_options(&program, count - 2, words + 2);

    /* The main thread of Java is not that of the process: its stack would end where the kernel says. */
    default_arguments(&defaults);
    pthread_attr_init(&attributes);
    if (defaults.javaStackSize > 0)
        pthread_attr_setstacksize(&attributes, defaults.javaStackSize);
    pthread_attr_setguardsize(&attributes, 0);
    if (pthread_create(&thread, &attributes, main_thread, &program) != 0 || pthread_join(thread, NULL) != 0)
        give_up();
    return program.status;
}
