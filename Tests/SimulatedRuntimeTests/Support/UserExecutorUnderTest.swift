import CPlatform
import ControlProtocol
import Foundation

/// `simulated-runtime executor`, as a user starts it; ends with this.
final class UserExecutorUnderTest {
    /// What it writes when it is ready.
    struct Ready: Decodable {
        let engine: String
        let generation: WireGeneration
        let workers: [LeasedWorker]
        let leaseMilliseconds: Double
        let readyMilliseconds: Double

        enum CodingKeys: String, CodingKey {
            case engine, generation, workers
            case leaseMilliseconds = "lease_ms"
            case readyMilliseconds = "ready_ms"
        }
    }

    /// How a test's controller calls it.
    static let name = TestController.executor(of: "")

    let pid: Int
    private let pidfd: Int32
    private let output: Int32
    private var input: Int32
    private let errors: URL

    var log: String { (try? String(contentsOf: errors, encoding: .utf8)) ?? "" }

    init(_ runtime: RuntimeUnderTest, _ arguments: [String] = []) throws {
        // No child inherits their ends: `spawn` closes what it is not given.
        var (toIt, fromIt): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard pipe(&toIt) == 0, pipe(&fromIt) == 0 else {
            throw TestFailure("no pipe")
        }
        defer {
            close(toIt[0])
            close(fromIt[1])
        }
        errors = runtime.folder.appendingPathComponent("executor.log")
        let required = ["--control", runtime.controller.path, "--model", "mine", "--footprint-bytes", "1000"]
        let child = try spawn(
            [simulatedRuntime, "executor"] + required + arguments, output: errors.path, pipes: (toIt[0], fromIt[1]))
        (pid, pidfd, input, output) = (Int(child.pid), child.pidfd, toIt[1], fromIt[0])
    }

    deinit {
        _ = wc_pidfd_signal(pidfd, SIGKILL)
        _ = hasEnded(pidfd)
        var status: Int32 = 0
        _ = wc_reap(pidfd, &status)
        endInput()
        close(output)
        close(pidfd)
    }

    func terminate() {
        _ = wc_pidfd_signal(pidfd, SIGTERM)
    }

    func endInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// The one line that it writes.
    func line() throws -> Data {
        var bytes: [UInt8] = []
        while bytes.last != UInt8(ascii: "\n") {
            guard UnixSocket.isReadable(output, within: TestController.patience) else {
                throw TestFailure("no line; its log: \(log)")
            }
            let more = UnixSocket.read(output)
            guard !more.isEmpty else { throw TestFailure("no line before its end; its log: \(log)") }
            bytes += more
        }
        return Data(bytes)
    }

    func ready() throws -> Ready {
        try JSONDecoder().decode(Ready.self, from: line())
    }

    /// Its exit status, or 256 and the number of its signal.
    func end() throws -> Int {
        guard hasEnded(pidfd) else { throw TestFailure("the executor lives") }
        var status: Int32 = 0
        guard wc_reap(pidfd, &status) == 1 else { throw TestFailure("the executor cannot be reaped") }
        return status & 0x7f == 0 ? Int(status >> 8) : 256 + Int(status & 0x7f)
    }
}
