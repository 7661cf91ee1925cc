import ControlProtocol
import Foundation

/// The stages of one process's start, or of its workers' return: runs, times and reports them, and does what tests want to see at them.
struct Stages: Sendable {
    /// Told of each stage when it has ended, and why if it has failed.
    typealias Report = @Sendable (_ stage: WireStageTime, _ error: String?) async -> Void

    private let role: WireRole
    private let inherited: Set<StartStage>
    private let misbehaves: Bool
    private let vitals: Vitals
    private let report: Report
    private var arguments: SimulatedArguments?
    private var current = StartStage.config
    private var since = ContinuousClock.now

    /// - Parameters:
    ///   - inherited: stages that the process's template has done: they take no time, and nothing happens in them.
    ///   - misbehaves: whether what a test wants to go wrong goes wrong here.
    init(
        role: WireRole, inherited: Set<StartStage> = [], misbehaves: Bool = true, vitals: Vitals,
        report: @escaping Report
    ) {
        self.role = role
        self.inherited = inherited
        self.misbehaves = misbehaves
        self.vitals = vitals
        self.report = report
    }

    /// The first stage: reads the arguments.
    ///
    /// - Parameter isReported: false if this process has done the stage before, and only needs its arguments again.
    mutating func configure(_ values: [String: JSONValue], isReported: Bool = true) async throws -> SimulatedArguments {
        let read = try SimulatedArguments(values)
        arguments = read
        if isReported { try await run(.config) {} }
        return read
    }

    /// The next stage begins now.
    mutating func restart() {
        since = .now
    }

    /// A stage: `body`, but never shorter than the arguments say.
    mutating func run(_ stage: StartStage, _ body: @Sendable () async throws -> Void) async throws {
        current = stage
        let isInherited = inherited.contains(stage)
        if !isInherited {
            try await misbehave(at: stage)
            try await body()
            let duration = arguments?.duration(of: stage, in: role) ?? .zero
            try await Task.sleep(until: since + duration)
        }
        vitals.add()
        await tell(milliseconds: isInherited ? 0 : (ContinuousClock.now - since).milliseconds, error: nil)
        since = .now
    }

    /// Reports the current stage as failed and ends the process, whether or not the controller takes the report.
    func fail(_ error: any Error) async -> Never {
        log("the start failed", ["stage": current.rawValue, "error": "\(error)"])
        let reason = String("\(error)".replacing("\n", with: " ").prefix(500))
        let taken = (ContinuousClock.now - since).milliseconds
        let lastWords = Task { await tell(milliseconds: taken, error: reason) }
        let impatience = Task {
            try await Task.sleep(for: .seconds(1))
            endProcess(.failed)
        }
        await lastWords.value
        impatience.cancel()
        endProcess(.failed)
    }

    private func tell(milliseconds: Double, error: String?) async {
        let rounded = (milliseconds * 1000).rounded() / 1000
        await report(WireStageTime(stage: current.rawValue, milliseconds: rounded), error)
    }

    private func misbehave(at stage: StartStage) async throws {
        guard misbehaves, let wish = arguments?.misbehaviour(in: role, at: stage) else { return }
        switch wish.kind {
        case .fail: throw ArgumentError(message: wish.description)
        case .crash: crash(wish.description)
        case .hang:
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
