// mock.c - tiny epoll OpenAI/Gemini-compatible upstream, one thread, 127.0.0.1 only.
// usage: mock IMGDIR PORT:LATENCY_MS:CHUNKS:GAP_US [PORT:...]
//   POST */chat/completions            fixed chat.completion, or SSE when body has
//   "stream":true POST *:generateContent             fixed Gemini JSON POST
//   *:streamGenerateContent       Gemini SSE (alt=sse) GET  /img/NAME                     a
//   file of IMGDIR (preloaded) GET  /stats                        counters as JSON;  GET
//   /v1/models
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#define HB 32768
#define KEEP 4096

typedef struct {
  int fd, port, lat_ms, chunks, gap_us;
} Lis;

enum { S_HDR, S_BODY, S_CHSZ, S_CHDATA, S_CHCRLF, S_CHTRAIL, S_WAIT, S_WRITE, S_STREAM };

typedef struct Conn {
  int fd, state, kind, want_out, close_after;
  Lis *l;
  uint32_t gen;
  char hb[HB];
  int hn;
  int64_t left, body;
  char szb[32];
  int szn;
  char head[KEEP], tail[KEEP];
  int headn;
  int64_t tailn;
  const char *out;
  size_t outn, outo;
  int chunk;
  int64_t base;
  struct Conn *nf;
} Conn;

typedef struct {
  int64_t t;
  Conn *c;
  uint32_t gen;
} Tm;

static Tm *heap;
static int hn_, hcap;
static int ep, tfd;
static Conn *freel;

static struct {
  long req, chat, chat_stream, gem, gem_stream, img, imgbytes, other, conns, bytes, last_body,
      chunked_bodies;
} st;

static Lis lis[64];
static int nlis;

typedef struct {
  char name[128];
  char *resp;
  size_t n;
} Img;

static Img imgs[64];
static int nimgs;
static char *R_chat, *R_gem, *R_models, *R_404;
static size_t N_chat, N_gem, N_models, N_404;
static char *H_sse;
static size_t N_sse;
static char **OC, **GC;
static size_t *ON, *GN;
static int NC = 0;
static char *O_last, *O_done, *G_last;
static size_t NO_last, NO_done, NG_last;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void arm(void) {
  struct itimerspec it = {0};
  if (hn_) {
    it.it_value.tv_sec = heap[0].t / 1000000000LL;
    it.it_value.tv_nsec = heap[0].t % 1000000000LL;
  }
  timerfd_settime(tfd, TFD_TIMER_ABSTIME, &it, 0);
}

static void push(int64_t t, Conn *c) {
  if (hn_ == hcap) {
    hcap = hcap ? hcap * 2 : 1024;
    heap = realloc(heap, hcap * sizeof(Tm));
  }
  int i = hn_++;
  while (i) {
    int p = (i - 1) / 2;
    if (heap[p].t <= t)
      break;
    heap[i] = heap[p];
    i = p;
  }
  heap[i] = (Tm){t, c, c->gen};
  if (i == 0)
    arm();
}

static Tm pop(void) {
  Tm r = heap[0], x = heap[--hn_];
  int i = 0;
  for (;;) {
    int k = 2 * i + 1;
    if (k >= hn_)
      break;
    if (k + 1 < hn_ && heap[k + 1].t < heap[k].t)
      k++;
    if (heap[k].t >= x.t)
      break;
    heap[i] = heap[k];
    i = k;
  }
  if (hn_)
    heap[i] = x;
  return r;
}

static void closec(Conn *c) {
  close(c->fd);
  c->gen++;
  c->fd = -1;
  c->nf = freel;
  freel = c;
}

static void want(Conn *c, int w) {
  if (c->want_out == w)
    return;
  c->want_out = w;
  struct epoll_event e = {.events = EPOLLIN | (w ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void reset(Conn *c) {
  c->state = S_HDR;
  c->hn = 0;
  c->headn = 0;
  c->tailn = 0;
  c->body = 0;
  c->szn = 0;
  c->chunk = 0;
}

static int flush_(Conn *c) {
  while (c->outo < c->outn) {
    ssize_t w = send(c->fd, c->out + c->outo, c->outn - c->outo, MSG_NOSIGNAL);
    if (w < 0) {
      if (errno == EAGAIN) {
        want(c, 1);
        return 1;
      }
      if (errno == EINTR)
        continue;
      return -1;
    }
    c->outo += w;
  }
  want(c, 0);
  return 0;
}

static void setout(Conn *c, const char *p, size_t n) {
  c->out = p;
  c->outn = n;
  c->outo = 0;
}

// returns -1 when the connection was closed
static int pump(Conn *c) {
  for (;;) {
    int r = flush_(c);
    if (r < 0) {
      closec(c);
      return -1;
    }
    if (r > 0)
      return 0;
    if (c->state == S_WRITE) {
      if (c->close_after) {
        closec(c);
        return -1;
      }
      reset(c);
      return 0;
    }
    if (c->state != S_STREAM)
      return 0;
    int gem = c->kind == 4;
    int total = c->l->chunks;
    if (c->chunk < total) {
      int k = c->chunk++;
      if (gem)
        setout(c, GC[k], GN[k]);
      else
        setout(c, OC[k], ON[k]);
      if (c->l->gap_us && k > 0) { // paced: send this chunk later
        c->outo = c->outn;
        c->chunk--;
        c->state = S_WAIT;
        push(c->base + (int64_t)k * c->l->gap_us * 1000LL, c);
        return 0;
      }
    } else if (c->chunk == total) {
      c->chunk++;
      if (gem) {
        setout(c, G_last, NG_last);
      } else
        setout(c, O_last, NO_last);
    } else if (c->chunk == total + 1 && !gem) {
      c->chunk++;
      setout(c, O_done, NO_done);
    } else {
      static const char E[] = "0\r\n\r\n";
      setout(c, E, 5);
      c->state = S_WRITE;
    }
  }
}

static int start(Conn *c) {
  switch (c->kind) {
  case 1:
    setout(c, R_chat, N_chat);
    c->state = S_WRITE;
    break;
  case 3:
    setout(c, R_gem, N_gem);
    c->state = S_WRITE;
    break;
  case 2:
  case 4:
    setout(c, H_sse, N_sse);
    c->chunk = 0;
    c->base = now();
    c->state = S_STREAM;
    break;
  default:
    c->state = S_WRITE;
  }
  return pump(c);
}

static int has(const char *a, int n, const char *s) {
  return memmem(a, n, s, strlen(s)) != 0;
}

static int flag(Conn *c, const char *p, int n) {
  (void)c;
  const char *e = p + n, *q = p;
  while ((q = memmem(q, e - q, "\"stream\"", 8))) {
    q += 8;
    while (q < e && (*q == ' ' || *q == '\n' || *q == '\t'))
      q++;
    if (q < e && *q == ':') {
      q++;
      while (q < e && (*q == ' ' || *q == '\n'))
        q++;
      if (e - q >= 4 && !memcmp(q, "true", 4))
        return 1;
    }
  }
  return 0;
}

static int done(Conn *c) {
  st.req++;
  st.bytes += c->body;
  if (c->body)
    st.last_body = c->body;
  char *sp = memchr(c->hb, ' ', c->hn);
  char *path = sp + 1;
  char *pe = memchr(path, ' ', c->hb + c->hn - path);
  int pn = pe - path;
  int lat = c->l->lat_ms;
  if (has(path, pn, ":streamGenerateContent")) {
    c->kind = 4;
    st.gem_stream++;
  } else if (has(path, pn, ":generateContent")) {
    c->kind = 3;
    st.gem++;
  } else if (has(path, pn, "chat/completions")) {
    char t[KEEP];
    int tn = c->tailn < KEEP ? c->tailn : KEEP;
    int s = flag(c, c->head, c->headn);
    if (!s && tn) {
      int64_t e = c->tailn;
      for (int i = 0; i < tn; i++)
        t[i] = c->tail[(e - tn + i) % KEEP];
      s = flag(c, t, tn);
    }
    c->kind = s ? 2 : 1;
    if (s)
      st.chat_stream++;
    else
      st.chat++;
  } else {
    c->kind = 0;
    lat = 0;
    if (has(path, pn, "/img/")) {
      setout(c, R_404, N_404);
      for (int i = 0; i < nimgs; i++) {
        int k = strlen(imgs[i].name);
        char *q = memmem(path, pn, "/img/", 5) + 5;
        int m = path + pn - q;
        char *qq = memchr(q, '?', m);
        if (qq)
          m = qq - q;
        if (m == k && !memcmp(q, imgs[i].name, k)) {
          setout(c, imgs[i].resp, imgs[i].n);
          st.img++;
          st.imgbytes += imgs[i].n;
        }
      }
    } else if (has(path, pn, "/stats")) {
      static char b[1024], j[800];
      int n =
          snprintf(j, sizeof j,
                   "{\"req\":%ld,\"chat\":%ld,\"chat_stream\":%ld,\"gem\":%ld,\"gem_stream\":%"
                   "ld,\"img\":%ld,\"imgbytes\":%ld,\"other\":%ld,\"conns\":%ld,\"bytes\":%ld,"
                   "\"last_body\":%ld,\"chunked_bodies\":%ld}",
                   st.req, st.chat, st.chat_stream, st.gem, st.gem_stream, st.img, st.imgbytes,
                   st.other, st.conns, st.bytes, st.last_body, st.chunked_bodies);
      int m = snprintf(
          b, sizeof b,
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
          n, j);
      setout(c, b, m);
    } else if (has(path, pn, "/models"))
      setout(c, R_models, N_models);
    else {
      st.other++;
      setout(c, R_404, N_404);
    }
  }
  if (lat) {
    c->state = S_WAIT;
    c->chunk = -1;
    push(now() + lat * 1000000LL, c);
    return 0;
  }
  return start(c);
}

static void keep(Conn *c, const char *p, size_t n) {
  c->body += n;
  if (c->headn < KEEP) {
    int k = KEEP - c->headn;
    if ((size_t)k > n)
      k = n;
    memcpy(c->head + c->headn, p, k);
    c->headn += k;
  }
  if (n > KEEP) {
    c->tailn += n - KEEP;
    p += n - KEEP;
    n = KEEP;
  }
  int o = c->tailn % KEEP;
  size_t a = KEEP - o;
  if (a > n)
    a = n;
  memcpy(c->tail + o, p, a);
  memcpy(c->tail, p + a, n - a);
  c->tailn += n;
}

static int feed(Conn *c, const char *p, size_t n) {
  while (n) {
    switch (c->state) {
    case S_HDR: {
      if (c->hn >= HB) {
        closec(c);
        return -1;
      }
      size_t k = HB - c->hn;
      if (k > n)
        k = n;
      int from = c->hn > 3 ? c->hn - 3 : 0;
      memcpy(c->hb + c->hn, p, k);
      c->hn += k;
      char *e = memmem(c->hb + from, c->hn - from, "\r\n\r\n", 4);
      if (!e) {
        p += k;
        n -= k;
        break;
      }
      size_t hl = e + 4 - c->hb;
      size_t used = k - (c->hn - hl);
      p += used;
      n -= used;
      c->hn = hl;
      c->hb[hl - 1] = 0;
      int64_t cl = 0;
      int ch = 0;
      c->close_after = 0;
      for (char *q = c->hb; (q = strstr(q, "\r\n"));) {
        q += 2;
        if (!strncasecmp(q, "content-length:", 15))
          cl = atoll(q + 15);
        else if (!strncasecmp(q, "transfer-encoding:", 18) && strcasestr(q, "chunked"))
          ch = 1;
        else if (!strncasecmp(q, "connection: close", 17))
          c->close_after = 1;
        else if (!strncasecmp(q, "expect: 100", 11)) {
          static const char C[] = "HTTP/1.1 100 Continue\r\n\r\n";
          send(c->fd, C, sizeof C - 1, MSG_NOSIGNAL);
        }
      }
      if (ch) {
        c->state = S_CHSZ;
        c->szn = 0;
        st.chunked_bodies++;
      } else if (cl > 0) {
        c->left = cl;
        c->state = S_BODY;
      } else {
        if (done(c) < 0)
          return -1;
      }
      break;
    }
    case S_BODY: {
      size_t k = n;
      if ((int64_t)k > c->left)
        k = c->left;
      keep(c, p, k);
      c->left -= k;
      p += k;
      n -= k;
      if (!c->left) {
        if (done(c) < 0)
          return -1;
      }
      break;
    }
    case S_CHSZ: {
      char x = *p++;
      n--;
      if (x == '\n') {
        c->szb[c->szn] = 0;
        c->left = strtoll(c->szb, 0, 16);
        c->szn = 0;
        c->state = c->left ? S_CHDATA : S_CHTRAIL;
      } else if (c->szn < 31)
        c->szb[c->szn++] = x;
      break;
    }
    case S_CHDATA: {
      size_t k = n;
      if ((int64_t)k > c->left)
        k = c->left;
      keep(c, p, k);
      c->left -= k;
      p += k;
      n -= k;
      if (!c->left)
        c->state = S_CHCRLF;
      break;
    }
    case S_CHCRLF: {
      char x = *p++;
      n--;
      if (x == '\n') {
        c->state = S_CHSZ;
        c->szn = 0;
      }
      break;
    }
    case S_CHTRAIL: {
      char x = *p++;
      n--;
      if (x == '\n') {
        if (c->szn == 0) {
          if (done(c) < 0)
            return -1;
        }
        c->szn = 0;
      } else if (x != '\r')
        c->szn = 1;
      break;
    }
    default:
      return 0; // pipelining is not supported
    }
  }
  return 0;
}

static char *mk(const char *ct, const char *body, size_t bn, size_t *out) {
  char *r = malloc(bn + 256);
  int h =
      sprintf(r, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", ct, bn);
  memcpy(r + h, body, bn);
  *out = h + bn;
  return r;
}

static char *chunkd(const char *s, size_t *out) {
  size_t n = strlen(s);
  char *r = malloc(n + 32);
  int h = sprintf(r, "%zx\r\n", n);
  memcpy(r + h, s, n);
  memcpy(r + h + n, "\r\n", 2);
  *out = h + n + 2;
  return r;
}

int main(int ac, char **av) {
  signal(SIGPIPE, SIG_IGN);
  if (ac < 3) {
    fprintf(stderr, "usage: mock IMGDIR PORT:LAT_MS:CHUNKS:GAP_US...\n");
    return 2;
  }
  DIR *d = opendir(av[1]);
  if (d) {
    struct dirent *e;
    while ((e = readdir(d)) && nimgs < 64) {
      char p[1024];
      snprintf(p, sizeof p, "%s/%s", av[1], e->d_name);
      struct stat s;
      if (stat(p, &s) || !S_ISREG(s.st_mode) || !strstr(e->d_name, ".jpg"))
        continue;
      char *b = malloc(s.st_size);
      FILE *f = fopen(p, "rb");
      size_t n = fread(b, 1, s.st_size, f);
      fclose(f);
      snprintf(imgs[nimgs].name, 128, "%s", e->d_name);
      imgs[nimgs].resp = mk("image/jpeg", b, n, &imgs[nimgs].n);
      nimgs++;
      free(b);
    }
  }
  static const char *CH =
      "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1700000000,"
      "\"model\":\"mock\",\"system_fingerprint\":\"fp_mock\",\"choices\":[{\"index\":0,"
      "\"message\":{\"role\":\"assistant\",\"content\":\"The image shows a small wooden boat "
      "on a calm lake at sunrise, with low hills and a thin layer of mist in the "
      "background.\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_"
      "tokens\":812,\"completion_tokens\":28,\"total_tokens\":840}}";
  R_chat = mk("application/json", CH, strlen(CH), &N_chat);
  static const char *GE =
      "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"The image shows a small wooden "
      "boat on a calm lake at sunrise, with low hills and a thin layer of mist in the "
      "background.\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],"
      "\"usageMetadata\":{\"promptTokenCount\":812,\"candidatesTokenCount\":28,"
      "\"totalTokenCount\":840},\"modelVersion\":\"gemini-2.5-flash\",\"responseId\":"
      "\"mockresp\"}";
  R_gem = mk("application/json; charset=UTF-8", GE, strlen(GE), &N_gem);
  static const char *MO = "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":"
                          "\"model\",\"created\":1700000000,\"owned_by\":\"mock\"}]}";
  R_models = mk("application/json", MO, strlen(MO), &N_models);
  R_404 = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  N_404 = strlen(R_404);
  H_sse = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: "
          "no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
  N_sse = strlen(H_sse);
  int maxc = 1;
  for (int i = 2; i < ac && nlis < 64; i++) {
    Lis *l = &lis[nlis++];
    l->chunks = 256;
    sscanf(av[i], "%d:%d:%d:%d", &l->port, &l->lat_ms, &l->chunks, &l->gap_us);
    if (l->chunks > maxc)
      maxc = l->chunks;
  }
  NC = maxc;
  OC = calloc(NC, 8);
  GC = calloc(NC, 8);
  ON = calloc(NC, 8);
  GN = calloc(NC, 8);
  for (int i = 0; i < NC; i++) {
    char b[1024];
    snprintf(
        b, sizeof b,
        "data: "
        "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
        "\"model\":\"mock\",\"system_fingerprint\":\"fp_mock\",\"choices\":[{\"index\":0,"
        "\"delta\":{%s\"content\":\" tok%d\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
        i ? "" : "\"role\":\"assistant\",", i);
    OC[i] = chunkd(b, &ON[i]);
    snprintf(b, sizeof b,
             "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\" "
             "tok%d\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{"
             "\"promptTokenCount\":812,\"totalTokenCount\":812},\"modelVersion\":\"gemini-2.5-"
             "flash\",\"responseId\":\"mockresp\"}\r\n\r\n",
             i);
    GC[i] = chunkd(b, &GN[i]);
  }
  O_last =
      chunkd("data: "
             "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":"
             "1700000000,\"model\":\"mock\",\"system_fingerprint\":\"fp_mock\",\"choices\":[{"
             "\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n",
             &NO_last);
  O_done = chunkd("data: [DONE]\n\n", &NO_done);
  G_last =
      chunkd("data: "
             "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\".\"}],\"role\":\"model\"},"
             "\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":"
             "812,\"candidatesTokenCount\":256,\"totalTokenCount\":1068},\"modelVersion\":"
             "\"gemini-2.5-flash\",\"responseId\":\"mockresp\"}\r\n\r\n",
             &NG_last);
  ep = epoll_create1(0);
  tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = &tfd};
  epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &e);
  for (int i = 0; i < nlis; i++) {
    int one = 1;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, 4);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(lis[i].port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(s, (void *)&a, sizeof a) || listen(s, 1024)) {
      perror("bind/listen");
      return 1;
    }
    lis[i].fd = s;
    struct epoll_event x = {.events = EPOLLIN, .data.ptr = &lis[i]};
    epoll_ctl(ep, EPOLL_CTL_ADD, s, &x);
  }
  fprintf(stderr, "mock ready\n");
  static char rb[1 << 20];
  struct epoll_event ev[256];
  for (;;) {
    int n = epoll_wait(ep, ev, 256, -1);
    for (int i = 0; i < n; i++) {
      void *p = ev[i].data.ptr;
      if (p == &tfd) {
        uint64_t x;
        if (read(tfd, &x, 8) < 0) {}
        int64_t t = now();
        int budget = 4096;
        while (hn_ && heap[0].t <= t && budget-- > 0) {
          Tm m = pop();
          Conn *c = m.c;
          if (c->gen != m.gen || c->state != S_WAIT)
            continue;
          if (c->chunk < 0) {
            start(c);
          } else {
            int k = c->chunk++;
            c->state = S_STREAM;
            if (c->kind == 4)
              setout(c, GC[k], GN[k]);
            else
              setout(c, OC[k], ON[k]);
            pump(c);
          }
        }
        arm();
        continue;
      }
      if ((char *)p >= (char *)lis && (char *)p < (char *)(lis + nlis)) {
        Lis *l = p;
        for (int q = 0; q < 64; q++) {
          int f = accept4(l->fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
          if (f < 0)
            break;
          int one = 1;
          setsockopt(f, IPPROTO_TCP, TCP_NODELAY, &one, 4);
          Conn *c = freel;
          if (c) {
            freel = c->nf;
            uint32_t g = c->gen;
            memset(c, 0, offsetof(Conn, hb));
            c->gen = g;
          } else {
            c = calloc(1, sizeof *c);
          }
          c->fd = f;
          c->l = l;
          reset(c);
          st.conns++;
          struct epoll_event x = {.events = EPOLLIN, .data.ptr = c};
          epoll_ctl(ep, EPOLL_CTL_ADD, f, &x);
        }
        continue;
      }
      Conn *c = p;
      if (c->fd < 0)
        continue;
      if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ssize_t r = recv(c->fd, rb, sizeof rb, 0);
        if (r == 0 || (r < 0 && errno != EAGAIN && errno != EINTR)) {
          closec(c);
          continue;
        }
        if (r > 0 && feed(c, rb, r) < 0)
          continue;
      }
      if (c->fd >= 0 && (ev[i].events & EPOLLOUT))
        pump(c);
    }
  }
}
