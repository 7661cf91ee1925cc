import CPlatform
import ControlProtocol
import Foundation
import Testing

/// A folder, a controller and a zygote of the real binary; everything ends with it.
final class RuntimeUnderTest {
    static let engine = "e-1"
    static let generation = WireGeneration(epoch: 4, counter: 9)

    let folder: URL
    let controller: TestController
    let zygotePidfd: Int32
    private var childPidfds: [Int32] = []
    var socket: String { folder.appendingPathComponent("e.sock").path }
    var zygoteLog: String { (try? String(contentsOf: folder.appendingPathComponent("p-1.log"), encoding: .utf8)) ?? "" }

    init(environment: [String] = [], orphanTimeoutMilliseconds: Int = 60_000) throws {
        var template = Array("/tmp/sim-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
        folder = URL(fileURLWithPath: String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self))
        controller = try TestController(
            path: folder.appendingPathComponent("c.sock").path, orphanTimeoutMilliseconds: orphanTimeoutMilliseconds)
        zygotePidfd = try spawn(
            [
                simulatedRuntime, "--control", controller.path, "--process", "p-1", "--runtime", "simulated", "--epoch",
                "4",
                "--orphan-timeout-ms", "\(orphanTimeoutMilliseconds)",
            ], environment: environment, output: folder.appendingPathComponent("p-1.log").path
        ).pidfd
    }

    deinit {
        _ = wc_pidfd_signal(zygotePidfd, SIGKILL)
        for pidfd in childPidfds {
            _ = wc_pidfd_signal(pidfd, SIGKILL)
            close(pidfd)
        }
        _ = hasEnded(zygotePidfd)
        var status: Int32 = 0
        _ = wc_reap(zygotePidfd, &status)
        close(zygotePidfd)
        try? FileManager.default.removeItem(at: folder)
    }

    func hello(from process: String) throws -> Hello {
        try controller.next(from: process) { if case .hello(let hello) = $0 { hello } else { nil } }
    }

    func requestFork(
        _ process: String, _ role: WireRole, from source: String = "p-1", cores: [Int] = [], socket: String? = nil
    ) throws -> ControlMessage {
        try controller.ask(source) {
            .fork(
                Fork(
                    id: $0, deadlineMilliseconds: 5000, process: process, role: role, device: "cpu:0", cores: cores,
                    log: folder.appendingPathComponent("\(process).log").path,
                    temporaryDirectory: folder.appendingPathComponent(process).path, socket: socket))
        }
    }

    /// Forks a process and waits for its hello; returns its pid and a descriptor that lives as long as this.
    func fork(
        _ process: String, _ role: WireRole, from source: String = "p-1", cores: [Int] = [], socket: String? = nil
    ) throws -> (pid: Int, pidfd: Int32) {
        let answer = try requestFork(process, role, from: source, cores: cores, socket: socket)
        guard case .forked(let forked) = answer else {
            throw TestFailure("\(process) was not forked")
        }
        let pidfd = wc_pidfd_open(pid_t(forked.pid))
        guard pidfd >= 0 else { throw TestFailure("\(process) is gone already") }
        childPidfds.append(pidfd)
        let hello = try hello(from: process)
        #expect(hello.pid == forked.pid)
        #expect(hello.role == role)
        #expect(hello.state == .idle)
        #expect(hello.device == "cpu:0")
        return (forked.pid, pidfd)
    }

    func assign(
        _ process: String, peer: Int, _ arguments: [String: JSONValue], executor: WireExecutor? = nil,
        worldSize: Int = 1
    ) throws -> ControlMessage {
        try controller.ask(process) {
            .assign(
                Assign(
                    id: $0, deadlineMilliseconds: 5000, engine: Self.engine, generation: Self.generation,
                    names: ["small", "default", Self.engine], path: "/models/tiny", arguments: arguments,
                    environment: [:], socket: socket, inputSocket: folder.appendingPathComponent("e.in").path,
                    outputSocket: folder.appendingPathComponent("e.out").path, device: "cpu:0", cores: [],
                    worldSize: worldSize, executor: executor, peerPid: peer))
        }
    }

    /// Forks and assigns p-2, the front end, and p-3, the core.
    @discardableResult
    func startEngine(_ arguments: [String: JSONValue] = [:]) throws -> (frontEnd: Int32, core: Int32) {
        _ = try hello(from: "p-1")
        return try startEngine(arguments, from: "p-1")
    }

    /// The same by a zygote or template that has said its hello.
    @discardableResult
    func startEngine(
        _ arguments: [String: JSONValue], from source: String, executor: WireExecutor? = nil, worldSize: Int = 1
    ) throws -> (frontEnd: Int32, core: Int32) {
        let frontEnd = try fork("p-2", .frontEnd, from: source)
        let core = try fork("p-3", .core, from: source)
        for (process, peer) in [("p-2", core.pid), ("p-3", frontEnd.pid)] {
            let answer = try assign(process, peer: peer, arguments, executor: executor, worldSize: worldSize)
            guard case .accepted = answer else { throw TestFailure("\(process) did not accept: \(answer)") }
        }
        return (frontEnd.pidfd, core.pidfd)
    }

    func nextStage(of process: String) throws -> Stage {
        try controller.next(from: process) { if case .stage(let stage) = $0 { stage } else { nil } }
    }

    /// Waits until the engine serves.
    func awaitReady() throws {
        while true {
            let stage = try nextStage(of: "p-2")
            if let error = stage.error { throw TestFailure(error) }
            if stage.stage == "listen" { return }
        }
    }

    func exit(of process: String, toldBy parent: String = "p-1") throws -> Exited {
        try controller.next(from: parent) {
            if case .exited(let exited) = $0, exited.process == process { exited } else { nil }
        }
    }

    func ping(_ process: String, memory: Bool? = nil) throws -> Pong {
        let answer = try controller.ask(process) {
            .ping(Ping(id: $0, deadlineMilliseconds: 5000, memory: memory))
        }
        guard case .pong(let pong) = answer else { throw TestFailure("\(process) did not answer a ping") }
        return pong
    }

    /// What a process owns, by its own word.
    func owned(by process: String) throws -> Int {
        guard let bytes = try ping(process).privateBytes else {
            throw TestFailure("\(process) cannot tell what it owns")
        }
        return bytes
    }

    func stop(_ process: String) throws -> ControlMessage {
        try controller.ask(process) { .stop(Stop(id: $0, deadlineMilliseconds: 5000)) }
    }

    /// How the zygote ended: its exit status, or 256 and the number of its signal.
    func zygoteEnd() throws -> Int {
        guard hasEnded(zygotePidfd) else { throw TestFailure("the zygote lives") }
        var status: Int32 = 0
        guard wc_reap(zygotePidfd, &status) == 1 else { throw TestFailure("the zygote cannot be reaped") }
        return status & 0x7f == 0 ? Int(status >> 8) : 256 + Int(status & 0x7f)
    }
}

/// Waits for the end of a process.
func hasEnded(_ pidfd: Int32) -> Bool {
    UnixSocket.isReadable(pidfd, within: TestController.patience)
}

/// The program under test, built beside the tests.
var simulatedRuntime: String {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("simulated-runtime").path
}

/// Starts a program with its output in a file, and without input.
///
/// - Parameter pipes: other descriptors for its input and its output; only its errors are in the file then.
func spawn(
    _ arguments: [String], environment: [String] = [], output: String, pipes: (input: Int32, output: Int32)? = nil
) throws -> (pid: pid_t, pidfd: Int32) {
    let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    let log = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    defer {
        close(input)
        close(log)
    }
    let strings = (arguments + environment).map { strdup($0) }
    defer { strings.forEach { free($0) } }
    var pid: pid_t = 0
    var pidfd: Int32 = -1
    let failure = wc_spawn(
        arguments[0], strings.prefix(arguments.count) + [nil], strings.dropFirst(arguments.count) + [nil],
        [pipes?.input ?? input, pipes?.output ?? log, log], 3, 1, &pid, &pidfd)
    guard failure == 0 else { throw TestFailure("\(arguments[0]): \(String(cString: strerror(failure)))") }
    return (pid, pidfd)
}
