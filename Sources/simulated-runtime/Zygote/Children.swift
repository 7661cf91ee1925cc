import CPlatform
import ControlProtocol
import Foundation

/// The processes that a zygote or a template has made: makes them, reaps them and says so. A process with threads cannot
/// be forked, so each child is this program started afresh.
actor Children {
    private struct Child {
        let process: String
        let pidfd: Int32
        /// Reaps the child and reports it.
        let reaping: Task<Void, Never>
    }

    private let dial: DialOptions
    private let link: ControlLink
    private let behaviour: RuntimeBehaviour
    private var present: [pid_t: Child] = [:]
    /// How many were ever made.
    private(set) var made = 0
    /// How many of them were workers.
    private var workers = 0

    init(dial: DialOptions, link: ControlLink, behaviour: RuntimeBehaviour) {
        self.dial = dial
        self.link = link
        self.behaviour = behaviour
    }

    /// Makes the child that is asked for; answers the request.
    ///
    /// - Parameter inherited: what a template hands down to it.
    func answer(_ request: Fork, inherited: Inheritance? = nil) async -> ControlMessage {
        try? await Task.sleep(for: behaviour.fork)
        do {
            guard !behaviour.failsToFork else { throw ForkError(what: "fork", reason: "SIM_FORK_FAIL is set") }
            return .forked(Forked(re: request.id, pid: Int(try await fork(request, inherited))))
        } catch {
            return .failed(Failed(re: request.id, reason: "\(error)"))
        }
    }

    /// Kills and reaps all.
    func end() async {
        let children = Array(present.values)
        for child in children { _ = wc_pidfd_signal(child.pidfd, SIGKILL) }
        for child in children { await child.reaping.value }
    }

    private func fork(_ request: Fork, _ inherited: Inheritance?) async throws -> pid_t {
        let logFile = open(request.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard logFile >= 0 else { throw ForkError(what: request.log, reason: errnoText(errno)) }
        defer { close(logFile) }

        var pid: pid_t = 0
        var pidfd: Int32 = -1
        let failure = withCStrings(try await arguments(for: request, inherited)) { arguments in
            withCStrings(environment(for: request)) { environment in
                wc_spawn(
                    "/proc/self/exe", arguments, environment, [STDIN_FILENO, logFile, logFile], 3, 1, &pid, &pidfd)
            }
        }
        guard failure == 0 else { throw ForkError(what: "fork", reason: errnoText(failure)) }
        made += 1
        let (child, childFD) = (pid, pidfd)
        let reaping = Task {
            await ProcessWatch.end(of: childFD)
            await reap(child)
        }
        present[child] = Child(process: request.process, pidfd: childFD, reaping: reaping)
        return child
    }

    private func arguments(for request: Fork, _ inherited: Inheritance?) async throws -> [String] {
        let timeout = await link.orphanTimeout
        var arguments = [
            CommandLine.arguments.first ?? "simulated-runtime", "child",
            "--control", dial.control, "--process", request.process, "--runtime", dial.runtime,
            "--epoch", "\(dial.epoch)", "--orphan-timeout-ms", "\(timeout.wholeMilliseconds)",
            "--role", request.role.rawValue, "--device", request.device,
            "--temporary-directory", request.temporaryDirectory,
        ]
        if let socket = request.socket {
            workers += 1
            arguments += ["--socket", socket]
            if workers <= behaviour.workersThatHang { arguments.append("--hangs-on-lease") }
        }
        if let inherited { arguments += ["--inherited", try inherited.text] }
        if !request.cores.isEmpty { arguments += ["--cores"] + request.cores.map(String.init) }
        return arguments
    }

    private func environment(for request: Fork) -> [String] {
        var environment = ProcessInfo.processInfo.environment
        environment["TMPDIR"] = request.temporaryDirectory
        return environment.map { "\($0.key)=\($0.value)" }
    }

    private func reap(_ pid: pid_t) async {
        guard let child = present.removeValue(forKey: pid) else { return }
        defer { close(child.pidfd) }
        var status: Int32 = 0
        guard wc_reap(child.pidfd, &status) == 1 else { return }
        // As WIFSIGNALED and the rest say, which Swift does not import.
        let signal = status & 0x7f
        await link.send(
            .exited(
                Exited(
                    process: child.process, pid: Int(pid), status: signal == 0 ? Int(status >> 8) : nil,
                    signal: signal == 0 ? nil : Int(signal))))
    }
}

/// Why a child could not be made.
private struct ForkError: Error, CustomStringConvertible {
    let what: String
    let reason: String

    var description: String { "\(what): \(reason)" }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}

/// Lends strings as a NULL-terminated list of C strings.
private func withCStrings<Result>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result) -> Result {
    let pointers = strings.map { strdup($0) }
    defer { pointers.forEach { free($0) } }
    return body(pointers + [nil])
}
