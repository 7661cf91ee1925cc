/// A model on its way to sleep in the host's memory.
struct SleepRecord: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        /// Its engines are going, or a template that is of no use any more.
        case clearing
        /// The model folder is being looked at: weights that are loaded may be old ones.
        case inspecting
        /// Its template is being made, or loads the weights.
        case loading
        /// On a device that is no CPU: its engine sleeps, and its replicas may still be going.
        case suspended
    }

    struct Waiter: Sendable, Equatable {
        let command: CommandID
        let deadline: Moment
    }

    var step = Step.clearing
    /// Who waits for it, each for a time of its own; empty: its engine was idle for long.
    private(set) var waiters: [Waiter]
    /// The engines that have to go first.
    let engines: [EngineID]
    /// When it is given up: no waiter's is later.
    private(set) var deadline: Moment

    init(waiters: [Waiter], engines: [EngineID], deadline: Moment) {
        self.waiters = waiters
        self.engines = engines
        self.deadline = deadline
    }

    var commands: [CommandID] { waiters.map(\.command) }
    var nextDeadline: Moment { waiters.map(\.deadline).min() ?? deadline }

    mutating func join(_ command: CommandID, until deadline: Moment) {
        waiters.append(Waiter(command: command, deadline: deadline))
        self.deadline = max(self.deadline, deadline)
    }

    /// - Returns: those that have waited for as long as they may, and wait no more.
    mutating func takeExpired(at now: Moment) -> [CommandID] {
        let expired = waiters.filter { $0.deadline <= now }.map(\.command)
        waiters.removeAll { $0.deadline <= now }
        return expired
    }
}
