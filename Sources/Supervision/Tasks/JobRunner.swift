import Logging

/// Runs what an actor starts but does not wait for, so that every task has an owner that ends with it.
public final class JobRunner: Sendable {
    public typealias Job = @Sendable () async -> Void

    private let jobs: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation
    private let logger: Logger
    /// Far more than can be started before the runner's next turn; reaching it is a fault of ours.
    private static let mostUnstarted = 65_536

    public init(logger: Logger) {
        (jobs, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.mostUnstarted))
        self.logger = logger
    }

    public func start(_ job: @escaping Job) {
        if case .dropped = continuation.yield(job) {
            logger.critical("job dropped: too many were started at once")
        }
    }

    /// Takes no more jobs; `run` returns when those that run have ended.
    public func finish() { continuation.finish() }

    /// Runs jobs until `finish`, or until the task is cancelled, which cancels them.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs { group.addTask { await job() } }
        }
    }
}
