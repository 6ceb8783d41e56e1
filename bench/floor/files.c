/*
 * The files of a layer, made by nothing but the system calls that they need: mkdir, open, write, fchmod, futimens,
 * fsetxattr, close, link, symlink. Reads lines "kind mode size mtime path\0target\0" and writes zeros: what a file
 * holds does not matter to the file system.
 *
 *     files DIRECTORY <LIST
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static char zeros[1 << 16];

static void stop(const char *what, const char *path) {
  perror(what);
  fprintf(stderr, "%s\n", path);
  exit(1);
}

static void attributes(int fd, unsigned mode, long mtime) {
  static const char stat[] = "0:0:0100644";
  struct timespec times[2] = {{mtime, 0}, {mtime, 0}};
  fsetxattr(fd, "user.containers.override_stat", stat, sizeof stat - 1, 0);
  fchmod(fd, mode);
  futimens(fd, times);
}

int main(int argc, char **argv) {
  char kind, *path = NULL, *target = NULL;
  size_t pathRoom = 0, targetRoom = 0;
  unsigned mode;
  long size, mtime;
  if (argc != 2 || chdir(argv[1]) != 0) stop("chdir", argc > 1 ? argv[1] : "usage: files DIRECTORY");
  umask(0);
  while (scanf("%c %o %ld %ld ", &kind, &mode, &size, &mtime) == 4) {
    if (getdelim(&path, &pathRoom, 0, stdin) < 0 || getdelim(&target, &targetRoom, 0, stdin) < 0) break;
    if (kind == 'd') {
      if (mkdir(path, mode) != 0 && access(path, F_OK) != 0) stop("mkdir", path);
    } else if (kind == 'l') {
      if (symlink(target, path) != 0) stop("symlink", path);
    } else if (kind == 'h') {
      if (link(target, path) != 0) stop("link", path);
    } else {
      int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, mode);
      if (fd < 0) stop("open", path);
      for (long left = size; left > 0; left -= sizeof zeros)
        if (write(fd, zeros, left < (long)sizeof zeros ? (size_t)left : sizeof zeros) < 0) stop("write", path);
      attributes(fd, mode, mtime);
      close(fd);
    }
  }
  return 0;
}
