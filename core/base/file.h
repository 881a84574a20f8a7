/* Whole files in, with a ceiling; and the folder of state that outlives a process: the id of this installation
 * (LBL-9) and one locked file per running engine (KIL-6). */
#ifndef LPOD_BASE_FILE_H
#define LPOD_BASE_FILE_H

#include "buf.h"

/* Append the file at path to out (whose ceiling bounds it). Errors name the path and the cause. */
lpod_rc lpod_file_read(const char *path, lpod_buf *out, lpod_error *err);

/* $XDG_STATE_HOME/lunapod, else $HOME/.local/state/lunapod; malloc'ed; NULL when neither variable is set. */
char *lpod_state_folder(void);
#define LPOD_INSTANCE_ID 17
/* The id kept in folder/instance, made (16 of a-z0-9) when it is not there; two processes agree on one.
 * LPOD_E_IO when it cannot be kept: *out is random then, and still usable. */
lpod_rc lpod_state_instance(const char *folder, char out[LPOD_INSTANCE_ID], lpod_error *err);
/* Create folder/engines/id and lock it for the life of *fd (close-on-exec); closing it and ending the process
 * both unlock. lpod_state_release removes the file, too. */
lpod_rc lpod_state_hold(const char *folder, const char *id, int *fd, lpod_error *err);
void lpod_state_release(const char *folder, const char *id, int fd);
typedef enum lpod_engine_life { LPOD_ENGINE_UNKNOWN, LPOD_ENGINE_ALIVE, LPOD_ENGINE_DEAD } lpod_engine_life;
/* ALIVE: its file is locked. DEAD: its file is there and not locked. UNKNOWN: no file (another machine, or ended). */
lpod_engine_life lpod_state_engine(const char *folder, const char *id);

#endif
