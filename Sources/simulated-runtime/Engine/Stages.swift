import ControlProtocol
import Foundation

/// The stages of one process's start: runs, times and reports them, and does what tests want to see at them.
struct Stages: Sendable {
    let role: WireRole
    let assignment: Assign
    let link: ControlLink
    let work: Progress
    private var arguments: SimulatedArguments?
    private var current = StartStage.config
    private var since = ContinuousClock.now

    init(role: WireRole, assignment: Assign, link: ControlLink, work: Progress) {
        self.role = role
        self.assignment = assignment
        self.link = link
        self.work = work
    }

    /// The first stage: reads the arguments.
    mutating func configure() async throws -> SimulatedArguments {
        let read = try SimulatedArguments(assignment.arguments)
        arguments = read
        try await run(.config) {}
        return read
    }

    /// A stage: `body`, but never shorter than the arguments say.
    mutating func run(_ stage: StartStage, _ body: @Sendable () async throws -> Void) async throws {
        current = stage
        try await misbehave(at: stage)
        try await body()
        let duration = stage == .listen ? .zero : arguments?.duration(of: stage) ?? .zero
        try await Task.sleep(until: since + duration)
        work.add()
        await report(error: nil)
        since = .now
    }

    /// Reports the current stage as failed and ends the process, whether or not the controller takes the report.
    func fail(_ error: any Error) async -> Never {
        log("the start failed", ["stage": current.rawValue, "error": "\(error)"])
        let reason = String("\(error)".replacing("\n", with: " ").prefix(500))
        let lastWords = Task { await report(error: reason) }
        let impatience = Task {
            try await Task.sleep(for: .seconds(1))
            endProcess(.failed)
        }
        await lastWords.value
        impatience.cancel()
        endProcess(.failed)
    }

    private func report(error: String?) async {
        let taken = (ContinuousClock.now - since).milliseconds
        await link.send(
            .stage(
                Stage(
                    engine: assignment.engine, generation: assignment.generation, stage: current.rawValue,
                    milliseconds: (taken * 1000).rounded() / 1000, error: error)))
    }

    private func misbehave(at stage: StartStage) async throws {
        guard let arguments, stage.owner == role else { return }
        if arguments.failAt == stage { throw ArgumentError(message: "sim-fail-at: \(stage.rawValue)") }
        if arguments.crashAt == stage { crash("sim-crash-at: \(stage.rawValue)") }
        if arguments.hangAt == stage {
            log("hanging", ["stage": stage.rawValue])
            // Until stopped, killed or orphaned.
            while true { try await Task.sleep(for: .seconds(3600)) }
        }
    }
}

/// Dies as a process does that the kernel kills.
func crash(_ reason: String) -> Never {
    log("crashing", ["reason": reason])
    kill(getpid(), SIGKILL)
    // Not reached: the signal is delivered before kill returns.
    endProcess(.failed)
}

extension Duration {
    var milliseconds: Double {
        Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
    }
}
