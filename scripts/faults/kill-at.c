/*
 * Kills a process at one exact call that changes files: loaded into a node by LD_PRELOAD, so that the calls of Node, of SQLite and of
 * level are all met, in every thread.
 *
 *   FAULTS_CALLS  a file to which each call is added as a line: CALL PATH
 *   FAULTS_PLAN   a file of one line: CALL PART NTH WHEN. The NTH of these calls from the moment at which the line appeared, on a
 *                 path that holds PART, is the last: WHEN is before, after or torn (half of the bytes of a write).
 *
 *   FAULTS_SLOW   a file of one line: LEAST MOST. Each call by which something becomes durable takes so many milliseconds more, by
 *                 chance between the two, as on a slow disk.
 *
 * CALL is fsync (fdatasync too), write (one that is durable when it returns: O_DSYNC), truncate, rename or unlink.
 * kill-at.mjs does the same for the calls of Node alone, where there is no C compiler.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum verdict { GO_ON, END_AFTER, END_TORN };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char current[512];
static int met;

static void end_process(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void add_line(const char *call, const char *path) {
  const char *name = getenv("FAULTS_CALLS");
  if (name == NULL) return;
  int log = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (log < 0) return;
  char line[4200];
  int length = snprintf(line, sizeof line, "%s %s\n", call, path);
  if (length > 0 && length < (int)sizeof line && write(log, line, length) < 0) errno = 0;
  close(log);
}

/* Looks whether the plan means this call; ends the process where it is to end before it. */
static enum verdict reach(const char *call, const char *path) {
  int kept = errno;
  enum verdict verdict = GO_ON;
  const char *name = getenv("FAULTS_PLAN");
  pthread_mutex_lock(&lock);
  add_line(call, path);
  int file = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    char line[512] = "", wanted[32], part[256], when[16];
    int nth;
    if (read(file, line, sizeof line - 1) < 0) line[0] = '\0';
    close(file);
    if (strcmp(line, current) != 0) {
      strcpy(current, line);
      met = 0;
    }
    if (sscanf(line, "%31s %255s %d %15s", wanted, part, &nth, when) == 4 && strcmp(wanted, call) == 0 &&
        strstr(path, part) != NULL && ++met == nth) {
      add_line("killed", path);
      if (strcmp(when, "before") == 0) end_process();
      verdict = strcmp(when, "torn") == 0 ? END_TORN : END_AFTER;
    }
  }
  pthread_mutex_unlock(&lock);
  errno = kept;
  return verdict;
}

/* Waits as a slow disk lets wait: in the thread that calls, beside all others. */
static void wait_for_disk(void) {
  int kept = errno;
  const char *name = getenv("FAULTS_SLOW");
  int file = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    char line[64] = "";
    long least, most;
    struct timespec now;
    if (read(file, line, sizeof line - 1) < 0) line[0] = '\0';
    close(file);
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (sscanf(line, "%ld %ld", &least, &most) == 2 && most >= least) {
      long ms = least + (now.tv_nsec / 1000) % (most - least + 1);
      struct timespec left = {ms / 1000, ms % 1000 * 1000000};
      while (nanosleep(&left, &left) != 0) continue;
    }
  }
  errno = kept;
}

static const char *path_of(int fd, char *into, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, into, size - 1);
  into[length < 0 ? 0 : length] = '\0';
  return into;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define RUN(call, path, work)                  \
  enum verdict verdict = reach(call, path);    \
  __typeof__(work) result = (work);            \
  if (verdict != GO_ON) end_process();         \
  return result

int fsync(int fd) {
  wait_for_disk();
  char path[4096];
  RUN("fsync", path_of(fd, path, sizeof path), NEXT(fsync)(fd));
}

int fdatasync(int fd) {
  wait_for_disk();
  char path[4096];
  RUN("fsync", path_of(fd, path, sizeof path), NEXT(fdatasync)(fd));
}

int ftruncate64(int fd, off64_t length) {
  char path[4096];
  RUN("truncate", path_of(fd, path, sizeof path), NEXT(ftruncate64)(fd, length));
}

int rename(const char *from, const char *to) { RUN("rename", to, NEXT(rename)(from, to)); }
int unlink(const char *path) { RUN("unlink", path, NEXT(unlink)(path)); }
int remove(const char *path) { RUN("unlink", path, NEXT(remove)(path)); }
int unlinkat(int dir, const char *path, int flags) { RUN("unlink", path, NEXT(unlinkat)(dir, path, flags)); }

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  if ((fcntl(fd, F_GETFL) & O_DSYNC) == 0) return NEXT(pwrite64)(fd, bytes, count, at);
  wait_for_disk();
  char path[4096];
  enum verdict verdict = reach("write", path_of(fd, path, sizeof path));
  ssize_t result = NEXT(pwrite64)(fd, bytes, verdict == END_TORN ? count / 2 : count, at);
  if (verdict != GO_ON) end_process();
  return result;
}
