/*
 * A cable between two network namespaces, each of which has its end as a TAP device of the given name:
 *
 *   cable FIRST SECOND DEVICE FILE
 *
 * FILE has one line, looked at all the time: LOST TWICE LATE MS DELAY. Of a hundred frames so many are lost, come twice, and come MS
 * milliseconds later than those behind them; all of them need DELAY milliseconds. Without the file it carries every frame at once.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES 2048
/* More, and frames are lost, as in any switch. */
#define FRAMES_MAX 4096
#define LOOK_MS 20

struct frame {
  struct frame *next;
  long due;
  int to;
  ssize_t bytes;
  char content[FRAME_BYTES];
};

static struct { int lost, twice, late, late_ms, delay_ms; } state;
static struct frame *waiting;
static int waiting_count;
static int ends[2];

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void look(const char *path) {
  static long looked;
  if (now_ms() - looked < LOOK_MS) return;
  looked = now_ms();
  memset(&state, 0, sizeof state);
  FILE *file = fopen(path, "re");
  if (file == NULL) return;
  if (fscanf(file, "%d %d %d %d %d", &state.lost, &state.twice, &state.late, &state.late_ms, &state.delay_ms) != 5)
    memset(&state, 0, sizeof state);
  fclose(file);
}

static int open_end(const char *space, const char *device) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", space);
  int there = open(path, O_RDONLY | O_CLOEXEC);
  if (there < 0 || setns(there, CLONE_NEWNET) != 0) return -1;
  close(there);
  int end = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  return end >= 0 && ioctl(end, TUNSETIFF, &request) == 0 ? end : -1;
}

static int happens(int percent) { return rand() % 100 < percent; }

/* Frames that are due at the same moment keep their order. */
static void keep(const struct frame *frame, long due) {
  if (waiting_count >= FRAMES_MAX) return;
  struct frame *copy = malloc(sizeof *copy);
  if (copy == NULL) return;
  *copy = *frame;
  copy->due = due;
  struct frame **place = &waiting;
  while (*place != NULL && (*place)->due <= due) place = &(*place)->next;
  copy->next = *place;
  *place = copy;
  waiting_count += 1;
}

static void take(int from) {
  struct frame frame = {.to = 1 - from};
  while ((frame.bytes = read(ends[from], frame.content, FRAME_BYTES)) > 0) {
    long due = now_ms() + state.delay_ms;
    if (happens(state.lost)) continue;
    if (happens(state.twice)) keep(&frame, due);
    keep(&frame, happens(state.late) ? due + state.late_ms : due);
  }
}

static void give(void) {
  for (long now = now_ms(); waiting != NULL && waiting->due <= now;) {
    struct frame *frame = waiting;
    waiting = frame->next;
    waiting_count -= 1;
    /* Bytes that an end does not take, since it is down or full, are lost as well. */
    ssize_t ignored = write(ends[frame->to], frame->content, frame->bytes);
    (void)ignored;
    free(frame);
  }
}

int main(int count, char **words) {
  if (count != 5) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int end = 0; end < 2; end += 1)
    if ((ends[end] = open_end(words[1 + end], words[3])) < 0) {
      perror(words[1 + end]);
      return 1;
    }
  for (;;) {
    struct pollfd polled[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLIN, 0}};
    long left = waiting == NULL ? -1 : waiting->due - now_ms();
    poll(polled, 2, waiting == NULL ? -1 : left < 0 ? 0 : (int)left);
    look(words[4]);
    for (int end = 0; end < 2; end += 1)
      if (polled[end].revents & POLLIN) take(end);
    give();
  }
}
