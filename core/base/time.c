/* RFC 3339 time stamps to nanoseconds since 1970 and back, by the calendar's arithmetic alone: no time zone files,
 * no locale, no static storage. Stamps beyond int64 nanoseconds (years 1677 to 2262) become the nearest end. */
#include "clock.h"
#include "text.h"
#include <stdio.h>

#define DAYS_PER_ERA 146097 /* 400 years, after which the Gregorian calendar repeats */

/* Days since 1970-01-01. Years begin in March here, so that the leap day is a year's last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_from_days(int64_t days, int *year, int *month, int *day) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - DAYS_PER_ERA + 1) / DAYS_PER_ERA;
  int64_t day_of_era = days - era * DAYS_PER_ERA;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_from_march = (5 * day_of_year + 2) / 153;
  *day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static int days_of_month(int year, int month) {
  static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return DAYS[month - 1] + (month == 2 && leap);
}

typedef struct cursor {
  const char *at, *end;
} cursor;

static bool read_digits(cursor *in, int count, int *value) {
  for (*value = 0; count; count--, in->at++) {
    if (in->at == in->end || *in->at < '0' || *in->at > '9') return false;
    *value = *value * 10 + (*in->at - '0');
  }
  return true;
}

static bool read_either(cursor *in, char a, char b) {
  if (in->at == in->end || (*in->at != a && *in->at != b)) return false;
  in->at++;
  return true;
}

static bool read_date(cursor *in, int *year, int *month, int *day) {
  return read_digits(in, 4, year) && read_either(in, '-', '-') && read_digits(in, 2, month) &&
         read_either(in, '-', '-') && read_digits(in, 2, day) && *year >= 1 && *month >= 1 && *month <= 12 &&
         *day >= 1 && *day <= days_of_month(*year, *month);
}

/* Seconds of the day and nanoseconds of the second. */
static bool read_time(cursor *in, int64_t *seconds, int64_t *ns) {
  int hour, minute, second;
  if (!(read_digits(in, 2, &hour) && read_either(in, ':', ':') && read_digits(in, 2, &minute) &&
        read_either(in, ':', ':') && read_digits(in, 2, &second) && hour < 24 && minute < 60 && second <= 60)) {
    return false;
  }
  *seconds = hour * 3600 + minute * 60 + (second == 60 ? 59 : second);
  *ns = 0;
  if (!read_either(in, '.', '.')) return true;
  int64_t unit = LPOD_NS_PER_S / 10;
  int digit;
  if (!read_digits(in, 1, &digit)) return false;
  do {
    *ns += digit * unit;
    unit /= 10;
  } while (read_digits(in, 1, &digit));
  return true;
}

static bool read_offset(cursor *in, int64_t *seconds) {
  *seconds = 0;
  if (read_either(in, 'Z', 'z')) return true;
  if (in->at == in->end) return false;
  int sign = *in->at == '-' ? -1 : 1, hour, minute;
  if (!(read_either(in, '+', '-') && read_digits(in, 2, &hour) && read_either(in, ':', ':') &&
        read_digits(in, 2, &minute) && hour < 24 && minute < 60)) {
    return false;
  }
  *seconds = sign * (hour * 3600 + minute * 60);
  return true;
}

bool lpod_time_parse(const char *text, size_t len, int64_t *ns, size_t *used) {
  cursor in = {text, text + len};
  int year, month, day;
  int64_t seconds, fraction, offset;
  if (!(read_date(&in, &year, &month, &day) && read_either(&in, 'T', 't') && read_time(&in, &seconds, &fraction) &&
        read_offset(&in, &offset))) {
    return false;
  }
  seconds += days_from_date(year, month, day) * 86400 - offset;
  if (seconds >= INT64_MAX / LPOD_NS_PER_S) {
    *ns = INT64_MAX;
  } else if (seconds <= INT64_MIN / LPOD_NS_PER_S) {
    *ns = INT64_MIN;
  } else {
    *ns = seconds * LPOD_NS_PER_S + fraction;
  }
  if (used) *used = (size_t)(in.at - text);
  return true;
}

void lpod_time_format(int64_t ns, int digits, char out[LPOD_TIME_TEXT]) {
  int64_t seconds = ns / LPOD_NS_PER_S, fraction = ns % LPOD_NS_PER_S;
  if (fraction < 0) {
    fraction += LPOD_NS_PER_S;
    seconds--;
  }
  int64_t days = seconds / 86400, rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    days--;
  }
  int year, month, day;
  date_from_days(days, &year, &month, &day);
  int len = snprintf(out, LPOD_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, (int)(rest / 3600),
                     (int)(rest / 60 % 60), (int)(rest % 60));
  if (len < 0 || len >= LPOD_TIME_TEXT) len = 0;
  size_t room = (size_t)(LPOD_TIME_TEXT - len);
  if (digits == 9) {
    snprintf(out + len, room, ".%09dZ", (int)fraction);
  } else if (digits == 6) {
    snprintf(out + len, room, ".%06dZ", (int)(fraction / 1000));
  } else {
    snprintf(out + len, room, "Z");
  }
}
