// load.c - closed-loop HTTP/1.1 load generator, one thread, epoll, keep-alive, 127.0.0.1 only.
// usage: load PORT REQFILE CONC NREQ MAXSEC WARMUP [SAVEFILE|- [PAUSE_US]]
// With PAUSE_US each client waits so long after an answer before it asks again.
// REQFILE holds one whole raw HTTP request. Prints one JSON line.
// Per request: ttfb = first decoded body byte, total = last byte, events = number of "data:"
// lines, gap = time between two reads that brought new events. Per client (connection): the
// fewest and the most answers and events that one of them got.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { P_HDR, P_LEN, P_EOF, P_SZ, P_DATA, P_CRLF, P_TRAIL };

typedef struct {
  int fd, st, wout, status, close_after, m, active;
  size_t so;
  char hb[16384];
  int hn;
  int64_t left;
  char szb[32];
  int szn;
  int64_t t0, tb, tl;
  long ev, bytes;
  int counted;
  int64_t due;
  long answers, events; // over the whole run: how fairly this client was served
} C;

static char *req;
static size_t rn;
static int ep, port;
static long nreq, started, finished, warm, ok, non2xx, errs, reconn;
static double *lat, *tt;
static long nl;
static float *gaps;
static long ng, gcap;
static long evsum, evmin = 1L << 60, evmax, bytesum;
static long status_hist[600];
static int64_t T0, Tend, Tfirst;
static FILE *save;
static int saved;
static int stopping;
static int64_t pause_ns;
static int timer;
static C **resting; // clients that wait, in the order in which they are due
static long nresting, first_resting, conc;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void mod(C *c, int w) {
  if (c->wout == w)
    return;
  c->wout = w;
  struct epoll_event e = {.events = EPOLLIN | (w ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static int conn(C *c) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons(port),
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (void *)&a, sizeof a)) {
    close(c->fd);
    c->fd = -1;
    return -1;
  }
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  c->wout = 0;
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
  return 0;
}

static int snd(C *c) {
  while (c->so < rn) {
    ssize_t w = send(c->fd, req + c->so, rn - c->so, MSG_NOSIGNAL);
    if (w < 0) {
      if (errno == EAGAIN) {
        mod(c, 1);
        return 0;
      }
      return -1;
    }
    c->so += w;
  }
  mod(c, 0);
  return 0;
}

static void next(C *c);

static void arm(void) {
  if (!nresting)
    return;
  int64_t t = resting[first_resting]->due;
  struct itimerspec at = {.it_value = {t / 1000000000LL, t % 1000000000LL}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, 0);
}

static void rest(C *c) {
  c->due = now() + pause_ns;
  resting[(first_resting + nresting++) % conc] = c;
  if (nresting == 1)
    arm();
}

static void wake(void) {
  uint64_t times;
  if (read(timer, &times, sizeof times) < 0)
    return;
  while (nresting && resting[first_resting]->due <= now()) {
    C *c = resting[first_resting];
    first_resting = (first_resting + 1) % conc;
    nresting--;
    next(c);
  }
  arm();
}

static void fin(C *c, int good) {
  int64_t t = now();
  finished++;
  c->active = 0;
  if (c->counted) {
    if (good) {
      if (c->status / 100 == 2) {
        ok++;
        lat[nl] = (t - c->t0) / 1e3;
        tt[nl] = (c->tb - c->t0) / 1e3;
        nl++;
        evsum += c->ev;
        if (c->ev < evmin)
          evmin = c->ev;
        if (c->ev > evmax)
          evmax = c->ev;
        bytesum += c->bytes;
        c->answers++;
        c->events += c->ev;
      } else
        non2xx++;
      if (c->status > 0 && c->status < 600)
        status_hist[c->status]++;
    } else
      errs++;
    Tend = t;
  }
  if (save && !saved && good) {
    saved = 1;
    fclose(save);
    save = 0;
  }
  if (!good || c->close_after) {
    close(c->fd);
    c->fd = -1;
    reconn++;
  }
  if (pause_ns)
    rest(c);
  else
    next(c);
}

static int failrun;

static void next(C *c) {
  for (;;) {
    if (started >= nreq + warm || stopping)
      return;
    if (errs + failrun > 200) {
      stopping = 1;
      return;
    }
    if (c->fd < 0 && conn(c)) {
      failrun++;
      started++;
      finished++;
      errs++;
      continue;
    }
    c->counted = started >= warm;
    started++;
    if (c->counted && !Tfirst)
      Tfirst = now();
    c->st = P_HDR;
    c->so = 0;
    c->hn = 0;
    c->ev = 0;
    c->bytes = 0;
    c->m = 0;
    c->status = 0;
    c->close_after = 0;
    c->tb = 0;
    c->tl = 0;
    c->active = 1;
    c->t0 = now();
    if (snd(c) < 0) { /* may have an answer already */
    }
    return;
  }
}

static void data(C *c, const char *p, size_t n) {
  if (!n)
    return;
  if (!c->tb)
    c->tb = now();
  c->bytes += n;
  if (save && !saved)
    fwrite(p, 1, n, save);
  static const char D[] = "data:";
  long before = c->ev;
  const char *e = p + n;
  // state machine over "data:" at any place (mock content never has it elsewhere)
  while (p < e) {
    if (c->m == 0) {
      p = memchr(p, 'd', e - p);
      if (!p)
        break;
      c->m = 1;
      p++;
    } else if (*p == D[c->m]) {
      c->m++;
      p++;
      if (c->m == 5) {
        c->ev++;
        c->m = 0;
      }
    } else {
      c->m = 0;
    }
  }
  if (c->ev != before && c->counted) {
    int64_t t = now();
    if (c->tl) {
      if (ng == gcap) {
        gcap = gcap ? gcap * 2 : 65536;
        gaps = realloc(gaps, gcap * 4);
      }
      if (ng < 4000000)
        gaps[ng++] = (t - c->tl) / 1e3;
    }
    c->tl = t;
  }
}

static void rd(C *c, const char *p, size_t n, int eof) {
  if (!c->active) {
    if (eof) {
      close(c->fd);
      c->fd = -1;
    }
    return;
  }
  while (n) {
    switch (c->st) {
    case P_HDR: {
      size_t k = sizeof c->hb - 1 - c->hn;
      if (k > n)
        k = n;
      memcpy(c->hb + c->hn, p, k);
      int old = c->hn;
      c->hn += k;
      c->hb[c->hn] = 0;
      char *e = memmem(c->hb, c->hn, "\r\n\r\n", 4);
      if (!e) {
        p += k;
        n -= k;
        if (c->hn >= (int)sizeof c->hb - 1) {
          fin(c, 0);
          return;
        }
        break;
      }
      size_t hl = e + 4 - c->hb;
      size_t used = hl - old;
      p += used;
      n -= used;
      *e = 0;
      c->status = atoi(c->hb + 9);
      if (c->status == 100) {
        c->hn = 0;
        break;
      }
      int64_t cl = -1;
      int ch = 0;
      for (char *q = c->hb; (q = strstr(q, "\r\n"));) {
        q += 2;
        if (!strncasecmp(q, "content-length:", 15))
          cl = atoll(q + 15);
        else if (!strncasecmp(q, "transfer-encoding:", 18) && strcasestr(q, "chunked") &&
                 strcasestr(q, "chunked") - q < 60)
          ch = 1;
        else if (!strncasecmp(q, "connection: close", 17))
          c->close_after = 1;
      }
      if (ch) {
        c->st = P_SZ;
        c->szn = 0;
      } else if (cl >= 0) {
        c->left = cl;
        c->st = P_LEN;
        if (!cl) {
          c->tb = now();
          fin(c, 1);
          return;
        }
      } else {
        c->st = P_EOF;
        c->close_after = 1;
      }
      break;
    }
    case P_LEN: {
      size_t k = n;
      if ((int64_t)k > c->left)
        k = c->left;
      data(c, p, k);
      c->left -= k;
      p += k;
      n -= k;
      if (!c->left) {
        fin(c, 1);
        return;
      }
      break;
    }
    case P_EOF:
      data(c, p, n);
      n = 0;
      break;
    case P_SZ: {
      char x = *p++;
      n--;
      if (x == '\n') {
        c->szb[c->szn] = 0;
        c->left = strtoll(c->szb, 0, 16);
        c->szn = 0;
        c->st = c->left ? P_DATA : P_TRAIL;
      } else if (c->szn < 31)
        c->szb[c->szn++] = x;
      break;
    }
    case P_DATA: {
      size_t k = n;
      if ((int64_t)k > c->left)
        k = c->left;
      data(c, p, k);
      c->left -= k;
      p += k;
      n -= k;
      if (!c->left)
        c->st = P_CRLF;
      break;
    }
    case P_CRLF: {
      char x = *p++;
      n--;
      if (x == '\n') {
        c->st = P_SZ;
        c->szn = 0;
      }
      break;
    }
    case P_TRAIL: {
      char x = *p++;
      n--;
      if (x == '\n') {
        if (!c->szn) {
          if (!c->tb)
            c->tb = now();
          fin(c, 1);
          return;
        }
        c->szn = 0;
      } else if (x != '\r')
        c->szn = 1;
      break;
    }
    }
  }
  if (eof) {
    if (c->st == P_EOF)
      fin(c, 1);
    else
      fin(c, 0);
  }
}

static int cd(const void *a, const void *b) {
  double x = *(double *)a, y = *(double *)b;
  return x < y ? -1 : x > y;
}

static int cf(const void *a, const void *b) {
  float x = *(float *)a, y = *(float *)b;
  return x < y ? -1 : x > y;
}

static double q(double *a, long n, double f) {
  if (!n)
    return -1;
  long i = f * (n - 1) + .5;
  return a[i];
}

int main(int ac, char **av) {
  signal(SIGPIPE, SIG_IGN);
  if (ac < 7) {
    fprintf(stderr, "usage: load PORT REQFILE CONC NREQ MAXSEC WARMUP [SAVE]\n");
    return 2;
  }
  port = atoi(av[1]);
  FILE *f = fopen(av[2], "rb");
  fseek(f, 0, 2);
  rn = ftell(f);
  rewind(f);
  req = malloc(rn);
  if (fread(req, 1, rn, f) != rn)
    return 2;
  fclose(f);
  conc = atoi(av[3]);
  nreq = atol(av[4]);
  double maxs = atof(av[5]);
  warm = atol(av[6]);
  if (ac > 8)
    pause_ns = atoll(av[8]) * 1000;
  if (ac > 7 && strcmp(av[7], "-"))
    save = fopen(av[7], "wb");
  if (maxs > 60)
    maxs = 60;
  lat = malloc(8 * (nreq + 1));
  tt = malloc(8 * (nreq + 1));
  ep = epoll_create1(0);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event on_timer = {.events = EPOLLIN, .data.ptr = &timer};
  epoll_ctl(ep, EPOLL_CTL_ADD, timer, &on_timer);
  resting = calloc(conc, sizeof *resting);
  C *cs = calloc(conc, sizeof(C));
  T0 = now();
  for (int i = 0; i < conc; i++) {
    cs[i].fd = -1;
  }
  for (int i = 0; i < conc; i++)
    next(&cs[i]);
  static char rb[1 << 18];
  struct epoll_event ev[256];
  while (finished < started || (!stopping && started < nreq + warm)) {
    if (finished == started && stopping)
      break;
    int n = epoll_wait(ep, ev, 256, 200);
    int64_t t = now();
    if ((t - T0) / 1e9 > maxs) {
      if (!stopping)
        stopping = 1;
      if ((t - T0) / 1e9 > maxs + 15) {
        break;
      }
    }
    for (int i = 0; i < n; i++) {
      if (ev[i].data.ptr == &timer) {
        wake();
        continue;
      }
      C *c = ev[i].data.ptr;
      if (c->fd < 0)
        continue;
      if (ev[i].events & EPOLLOUT)
        snd(c);
      if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ssize_t r = recv(c->fd, rb, sizeof rb, 0);
        if (r > 0)
          rd(c, rb, r, 0);
        else if (r == 0 || errno != EAGAIN)
          rd(c, rb, 0, 1);
      }
    }
  }
  double el = Tfirst ? (Tend - Tfirst) / 1e9 : 0;
  qsort(lat, nl, 8, cd);
  qsort(tt, nl, 8, cd);
  qsort(gaps, ng, 4, cf);
  double s = 0;
  for (long i = 0; i < nl; i++)
    s += lat[i];
  struct rusage ru;
  getrusage(RUSAGE_SELF, &ru);
  double gm = 0;
  for (long i = 0; i < ng; i++)
    gm += gaps[i];
  printf("{\"n\":%ld,\"ok\":%ld,\"non2xx\":%ld,\"err\":%ld,\"hung\":%ld,\"reconn\":%ld,"
         "\"elapsed\":%.4f,\"rps\":%.2f,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
         "\"max\":%.1f,\"min\":%.1f,\"ttfb_p50\":%.1f,\"ttfb_p99\":%.1f,\"ev_mean\":%.2f,\"ev_"
         "min\":%ld,\"ev_max\":%ld,\"bytes_mean\":%.0f,\"gap_n\":%ld,\"gap_p50\":%.1f,\"gap_"
         "p99\":%.1f,\"gap_max\":%.1f,\"cpu\":%.4f,",
         nl, ok, non2xx, errs, started - finished, reconn, el, el > 0 ? (ok + non2xx) / el : 0,
         nl ? s / nl : -1, q(lat, nl, .5), q(lat, nl, .9), q(lat, nl, .99),
         nl ? lat[nl - 1] : -1, nl ? lat[0] : -1, q(tt, nl, .5), q(tt, nl, .99),
         nl ? (double)evsum / nl : 0, nl ? evmin : 0, evmax, nl ? (double)bytesum / nl : 0, ng,
         ng ? gaps[ng / 2] : 0, ng ? gaps[(long)(.99 * (ng - 1))] : 0, ng ? gaps[ng - 1] : 0,
         ru.ru_utime.tv_sec + ru.ru_stime.tv_sec +
             (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
  long least[2] = {1L << 60, 1L << 60}, most[2] = {0, 0};
  for (int i = 0; i < conc; i++) {
    long served[2] = {cs[i].answers, cs[i].events};
    for (int k = 0; k < 2; k++) {
      if (served[k] < least[k])
        least[k] = served[k];
      if (served[k] > most[k])
        most[k] = served[k];
    }
  }
  printf("\"answers_least\":%ld,\"answers_most\":%ld,\"events_least\":%ld,\"events_most\":%ld,"
         "\"status\":{",
         least[0], most[0], least[1], most[1]);
  int first = 1;
  for (int i = 0; i < 600; i++)
    if (status_hist[i]) {
      printf("%s\"%d\":%ld", first ? "" : ",", i, status_hist[i]);
      first = 0;
    }
  printf("}}\n");
  return 0;
}
