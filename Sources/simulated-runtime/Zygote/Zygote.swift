import CPlatform
import ControlProtocol
import Foundation

/// Makes front ends and cores, reaps them and says so. A process with threads cannot be forked, so each child is this
/// program started afresh.
actor Zygote: Duty {
    private struct Child {
        let process: String
        let pidfd: Int32
        /// Reaps the child and reports it.
        let reaping: Task<Void, Never>
    }

    private let dial: DialOptions
    private let behaviour: RuntimeBehaviour
    private let link: ControlLink
    private var children: [pid_t: Child] = [:]
    private var forks = 0

    private init(dial: DialOptions, behaviour: RuntimeBehaviour) {
        self.dial = dial
        self.behaviour = behaviour
        link = ControlLink(
            identity: .init(dial: dial, role: .zygote, helloVersion: behaviour.helloVersion))
    }

    /// Serves until stopped, refused or orphaned, and ends all children.
    static func run(dial: DialOptions, behaviour: RuntimeBehaviour) async -> ProcessEnd {
        try? await Task.sleep(for: behaviour.start)
        if behaviour.failsToStart {
            log("SIM_ZYGOTE_FAIL is set: ending before hello")
            return .failed
        }
        let zygote = Zygote(dial: dial, behaviour: behaviour)
        let end = await zygote.link.run(serving: zygote)
        await zygote.endChildren()
        return end
    }

    func situation() -> Situation {
        Situation(versions: ["simulated-runtime": "1"])
    }

    func progress() -> Int {
        forks
    }

    func answer(_ request: ControlMessage) async -> ControlMessage? {
        guard case .fork(let request) = request else { return nil }
        try? await Task.sleep(for: behaviour.fork)
        do {
            let pid = behaviour.failsToFork ? nil : try await fork(request)
            guard let pid else { return .failed(Failed(re: request.id, reason: "SIM_FORK_FAIL is set")) }
            return .forked(Forked(re: request.id, pid: Int(pid)))
        } catch {
            return .failed(Failed(re: request.id, reason: "\(error)"))
        }
    }

    func prepareToStop() async {
        await endChildren()
    }

    private func fork(_ request: Fork) async throws(ForkError) -> pid_t {
        guard request.role != .zygote else { throw ForkError(what: "fork", reason: "a zygote makes no zygotes") }
        let logFile = open(request.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard logFile >= 0 else { throw ForkError(what: request.log, reason: errnoText(errno)) }
        defer { close(logFile) }

        var pid: pid_t = 0
        var pidfd: Int32 = -1
        let failure = withCStrings(await arguments(for: request)) { arguments in
            withCStrings(environment(for: request)) { environment in
                wc_spawn(
                    "/proc/self/exe", arguments, environment, [STDIN_FILENO, logFile, logFile], 3, 1, &pid, &pidfd)
            }
        }
        guard failure == 0 else { throw ForkError(what: "fork", reason: errnoText(failure)) }
        forks += 1
        let (child, childFD) = (pid, pidfd)
        let reaping = Task {
            await ProcessWatch.end(of: childFD)
            await reap(child)
        }
        children[child] = Child(process: request.process, pidfd: childFD, reaping: reaping)
        return child
    }

    private func arguments(for request: Fork) async -> [String] {
        let timeout = await link.orphanTimeout
        var arguments = [
            CommandLine.arguments.first ?? "simulated-runtime", "child",
            "--control", dial.control, "--process", request.process, "--runtime", dial.runtime,
            "--epoch", "\(dial.epoch)", "--orphan-timeout-ms", "\(timeout.wholeMilliseconds)",
            "--role", request.role.rawValue, "--device", request.device,
            "--temporary-directory", request.temporaryDirectory,
        ]
        if !request.cores.isEmpty { arguments += ["--cores"] + request.cores.map(String.init) }
        return arguments
    }

    private func environment(for request: Fork) -> [String] {
        var environment = ProcessInfo.processInfo.environment
        environment["TMPDIR"] = request.temporaryDirectory
        return environment.map { "\($0.key)=\($0.value)" }
    }

    private func reap(_ pid: pid_t) async {
        guard let child = children.removeValue(forKey: pid) else { return }
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

    private func endChildren() async {
        let present = Array(children.values)
        for child in present { _ = wc_pidfd_signal(child.pidfd, SIGKILL) }
        for child in present { await child.reaping.value }
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
