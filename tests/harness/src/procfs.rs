//! What Linux tells about a process. Elsewhere every question is an error.

use std::fs;
use std::io;

/// `VmHWM`: the largest resident set that the process had so far, in KiB (`proc_pid_status(5)`).
pub(crate) fn rss_peak_kib(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    parse_rss_peak(&status).ok_or_else(|| missing("VmHWM"))
}

/// User and system time of the process itself, without its children, in seconds
/// (`proc_pid_stat(5)`, fields 14 and 15).
pub(crate) fn cpu_seconds(pid: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = parse_cpu_ticks(&stat).ok_or_else(|| missing("utime and stime"))?;
    let per_second = rustix::param::clock_ticks_per_second();
    #[expect(clippy::cast_precision_loss, reason = "ticks stay far below 2^52")]
    Ok(ticks as f64 / per_second as f64)
}

fn parse_rss_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The second field is the program's name in parentheses and may itself hold spaces and parentheses,
/// so that counting starts behind the last one.
fn parse_cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn missing(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no {what} in /proc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_kib() {
        let status = "Name:\tx\nVmPeak:\t  999 kB\nVmHWM:\t   39120 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(parse_rss_peak(status), Some(39_120));
        assert_eq!(parse_rss_peak("Name:\tx\n"), None);
    }

    #[test]
    fn cpu_time_is_found_behind_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 5 0 0 0 120 30 0 0 20 0 1 0 5 6 7";
        assert_eq!(parse_cpu_ticks(stat), Some(150));
    }
}
