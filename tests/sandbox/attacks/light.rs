// What hostile code tries. Each attempt says whether it worked; none of them does lasting harm.
// It is `include!`d by a build script and by a proc macro, with `FACTS` defined beside it.
use std::ffi::{c_char, c_int, c_long, c_void};
use std::io::{Error, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::{env, fs, net};

extern "C" {
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn ptrace(request: c_long, pid: c_int, address: *mut c_void, data: *mut c_void) -> c_long;
    fn unshare(flags: c_int) -> c_int;
    fn prlimit(pid: c_int, kind: c_int, new: *const c_void, old: *mut c_void) -> c_int;
    fn shmget(key: c_int, size: usize, flags: c_int) -> c_int;
    fn chmod(path: *const c_char, mode: u32) -> c_int;
    fn chown(path: *const c_char, user: u32, group: u32) -> c_int;
    fn getuid() -> u32;
    fn syscall(number: c_long, ...) -> c_long;
}

fn done(result: c_long) -> Result<(), Error> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

fn attempts() -> Vec<(&'static str, Result<(), Error>)> {
    let (secret, victim, own) = (FACTS.secret, FACTS.victim, "own-file");
    let own = env::temp_dir().join(own);
    let _ = fs::write(&own, "own");
    let named = std::ffi::CString::new(own.to_str().unwrap()).unwrap();
    let link = env::temp_dir().join("link");
    let hard = env::temp_dir().join("hard");
    let runner = FACTS.runner;
    let none = std::ptr::null_mut::<c_void>();
    let mut buffer = [0u8; 512];
    let parts = vec![
        ("read-secret", fs::read(secret).map(drop)),
        ("read-passwd", fs::read("/etc/passwd").map(drop)),
        ("list-outside", fs::read_dir(FACTS.outside).map(drop)),
        ("link-to-secret", std::os::unix::fs::symlink(secret, &link).and_then(|()| fs::read(&link)).map(drop)),
        ("hard-link", fs::hard_link(secret, &hard)),
        ("write-outside", fs::write(format!("{}/new", FACTS.outside), "x")),
        ("append", fs::OpenOptions::new().append(true).open(victim).map(drop)),
        ("truncate", fs::OpenOptions::new().write(true).truncate(true).open(victim).map(drop)),
        ("rename-outside", fs::rename(victim, format!("{}-moved", victim))),
        ("remove-outside", fs::remove_file(format!("{}-moved", victim))),
        ("write-tmp", fs::write(format!("/tmp/reflex-hostile-{}", runner), "x")),
        ("tcp-connect", net::TcpStream::connect(("127.0.0.1", FACTS.port)).map(drop)),
        ("tcp-listen", net::TcpListener::bind("127.0.0.1:0").map(drop)),
        ("udp", net::UdpSocket::bind("127.0.0.1:0").and_then(|s| s.send_to(b"x", ("127.0.0.1", FACTS.port))).map(drop)),
        ("unix-abstract", SocketAddr::from_abstract_name(FACTS.abstract_name).and_then(|a| UnixStream::connect_addr(&a)).map(drop)),
        ("unix-path", UnixStream::connect(FACTS.socket).map(drop)),
        ("unix-datagram", UnixDatagram::pair().and_then(|(a, _b)| a.send_to(b"x", FACTS.datagram)).map(drop)),
        ("unix-listen", UnixListener::bind(env::temp_dir().join("listening")).map(drop)),
        ("signal-runner", done(unsafe { kill(runner, 0) } as c_long)),
        ("trace-runner", done(unsafe { ptrace(0x4206, runner, none, none) })),
        ("limit-runner", done(unsafe { prlimit(runner, 4, std::ptr::null(), buffer.as_mut_ptr().cast()) } as c_long)),
        ("read-environ", fs::read(format!("/proc/{}/environ", runner)).map(drop)),
        ("read-memory", fs::File::open(format!("/proc/{}/mem", runner)).map(drop)),
        ("read-arguments", fs::read(format!("/proc/{}/cmdline", runner)).map(drop)),
        ("shared-memory", done(unsafe { shmget(0, 4096, 0o600) } as c_long)),
        ("setuid-bit", done(unsafe { chmod(named.as_ptr(), 0o4755) } as c_long)),
        ("change-owner", done(unsafe { chown(named.as_ptr(), getuid(), u32::MAX) } as c_long)),
        ("namespace", done(unsafe { unshare(0x1000_0000) } as c_long)),
        ("io-uring", done(unsafe { syscall(425, 4, [0u8; 512].as_mut_ptr()) })),
        ("environment", env::var("REFLEX_TEST_SECRET").map(drop).map_err(|_| Error::from_raw_os_error(2))),
        ("home", fs::read_dir(env::var("HOME").unwrap()).and_then(|mut d| d.next().ok_or(Error::from_raw_os_error(2))).map(drop)),
    ];
    let _ = (fs::remove_file(link), fs::remove_file(hard));
    parts
}

fn report() {
    let mut out = String::new();
    for (name, result) in attempts() {
        let word = match result { Ok(()) => "worked".into(), Err(error) => format!("refused: {error}") };
        out += &format!("REPORT {name} {word}\n");
    }
    std::io::stderr().write_all(out.as_bytes()).unwrap();
}
