//! Starts the child, feeds it, waits with a deadline, and tells its death apart from its answer.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Extracted, ExtractionFailure, FILE_BYTES_MAX, FailureReason, FileType, child, frame};

/// How children are started and what each may use. The defaults are the promised limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractorConfig {
    /// The program whose `main` calls [`child::run_if_asked`]; `None` is this very executable.
    pub program: Option<PathBuf>,
    /// Address space of a child in bytes (512 MB).
    pub memory_bytes_max: u64,
    /// Processor time of a child in seconds (50; at least 1).
    pub cpu_seconds_max: u64,
    /// From start to answer (60 s).
    pub wall_time_max: Duration,
}

impl Default for ExtractorConfig {
    fn default() -> Self {
        Self {
            program: None,
            memory_bytes_max: 512 * 1024 * 1024,
            cpu_seconds_max: 50,
            wall_time_max: Duration::from_secs(60),
        }
    }
}

/// Gets text out of files, each in a process of its own.
#[derive(Debug, Clone, Default)]
pub struct Extractor {
    config: ExtractorConfig,
}

impl Extractor {
    /// An extractor with these limits.
    pub fn new(config: ExtractorConfig) -> Self {
        Self { config }
    }

    /// Reads exactly `file_bytes` bytes from `file` and answers its text.
    ///
    /// Blocks up to the wall time: call it by `spawn_blocking`. The child dies with the calling *thread*,
    /// so that thread must live until the call ends, which that of `spawn_blocking` does.
    ///
    /// # Errors
    /// [`ExtractionFailure`] with the reason; [`FailureReason::may_pass_on_retry`] tells which are worth another try.
    pub fn extract<R: Read + Send + 'static>(
        &self,
        declared: FileType,
        file_bytes: u64,
        file: R,
    ) -> Result<Extracted, ExtractionFailure> {
        if file_bytes > FILE_BYTES_MAX {
            return Err(ExtractionFailure::new(
                FailureReason::LimitExceeded,
                format!("{file_bytes} bytes, at most {FILE_BYTES_MAX} are read"),
            ));
        }
        let mut running = self.start(declared).map_err(|error| crashed(format!("cannot start the child: {error}")))?;
        running.feed(file_bytes, file);
        let answer = running.answer(self.config.wall_time_max);
        let death = running.end();
        match answer {
            Some(Ok(Some(extracted))) => Ok(extracted),
            Some(Err(failure)) => Err(failure),
            Some(Ok(None)) => Err(death.explain()),
            None => Err(ExtractionFailure::new(
                FailureReason::LimitExceeded,
                format!("no answer in {:?}", self.config.wall_time_max),
            )),
        }
    }

    fn start(&self, declared: FileType) -> io::Result<Running> {
        let program = match &self.config.program {
            Some(program) => program.clone(),
            None => match super::PROGRAM.get() {
                Some(program) => program.clone(),
                None => std::env::current_exe()?,
            },
        };
        let mut child = Command::new(program)
            .arg(child::ARGUMENT)
            .arg(declared.as_str())
            .arg(std::process::id().to_string())
            .arg(self.config.memory_bytes_max.to_string())
            .arg(self.config.cpu_seconds_max.max(1).to_string())
            .env_clear()
            // Allocators reserve by the gigabyte and by the thread; under an address limit they must not.
            .env("MALLOC_ARENA_MAX", "1")
            .env("MIMALLOC_ARENA_RESERVE", "16384")
            .env("RAYON_NUM_THREADS", "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        Ok(Running { child, stdout, stderr: thread::spawn(move || stderr.map(last_words).unwrap_or_default()) })
    }
}

/// A started child. Dropped, it is killed: no path may leave one behind.
struct Running {
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: thread::JoinHandle<String>,
}

impl Running {
    /// Feeds from a thread of its own: a child that does not read must not hold up the deadline. The thread
    /// ends by a broken pipe when the child dies.
    fn feed<R: Read + Send + 'static>(&mut self, file_bytes: u64, file: R) {
        let Some(mut stdin) = self.child.stdin.take() else {
            return;
        };
        thread::spawn(move || {
            let sent = stdin
                .write_all(&file_bytes.to_be_bytes())
                .and_then(|()| io::copy(&mut file.take(file_bytes), &mut stdin));
            // The child sees a short file as one that did not arrive, so there is nobody to tell here.
            drop(sent);
        });
    }

    /// The child's answer; `None` when the time is over.
    fn answer(&mut self, wall_time_max: Duration) -> Option<Result<Option<Extracted>, ExtractionFailure>> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let mut stdout = io::BufReader::new(self.stdout.take()?);
        thread::spawn(move || {
            // A receiver that gave up wants no answer.
            let _ = sender.send(frame::read(&mut stdout));
        });
        receiver.recv_timeout(wall_time_max).ok()
    }

    /// Kills the child if it still runs and says how it went.
    fn end(mut self) -> Death {
        // An error here means that it is gone already.
        let _ = self.child.kill();
        let status = self.child.wait().ok();
        Death { status, last_words: self.stderr.join().unwrap_or_default() }
    }
}

/// How a child without an answer ended.
struct Death {
    status: Option<ExitStatus>,
    last_words: String,
}

impl Death {
    fn explain(&self) -> ExtractionFailure {
        let signal = self.status.and_then(|status| status.signal());
        let detail = format!("the child ended with {:?}: {}", self.status, self.last_words);
        let out_of_memory = self.last_words.contains("memory allocation of");
        if out_of_memory || signal == Some(libc::SIGXCPU) {
            ExtractionFailure::new(FailureReason::LimitExceeded, detail)
        } else {
            crashed(detail)
        }
    }
}

fn crashed(detail: String) -> ExtractionFailure {
    ExtractionFailure::new(FailureReason::ExtractionCrashed, detail)
}

/// The first 2 kB that the child said; the rest is read and dropped, or the child would block on it.
fn last_words(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    // What cannot be read cannot be told; the exit status still is.
    let _ = (&mut stderr).take(2_000).read_to_end(&mut kept);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&kept).trim().to_owned()
}
