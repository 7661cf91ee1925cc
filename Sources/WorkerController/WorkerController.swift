import Logging
import NIOCore
import Scheduling
import Supervision
import Telemetry

/// The controller: owns the decision core, feeds it with what happens, and carries out what it decides.
///
/// Everything that decides is in `Scheduler`; everything that touches processes is in `ProcessSupervisor`. This actor
/// sits between them, and between them and those who wait: requests, commands, the gateway's routes.
public actor WorkerController {
    var scheduler: Scheduler
    var catalog: ModelCatalog
    let supervisor: ProcessSupervisor
    let directory: RunDirectory
    var publisher: (any RoutePublisher)?
    let jobs: JobRunner
    let logger: Logger
    /// What happens, for those who follow it. Close it at the end.
    public nonisolated let eventFeed: EventFeed
    var observer = StateObserver()
    var counters = ControllerMetrics()

    /// One for each engine that was given processes and is not gone.
    var permits: [EngineID: EnginePermits] = [:]
    /// The processes that each engine was given, for its logs; the last few engines only.
    var processesOfEngine: [EngineID: [ProcessID]] = [:]
    /// By model, also when it is gone.
    var lastEngine: [String: EngineID] = [:]
    /// The process of each model's last template, also when it is gone.
    var lastTemplate: [String: ProcessID] = [:]
    /// Models whose folders are being looked at for their templates.
    var foldersBeingRead: Set<String> = []
    var waiting: [RequestID: WaitingCaller] = [:]
    var loads: [CommandID: CheckedContinuation<EngineID, any Error>] = [:]
    var unloads: [CommandID: CheckedContinuation<[EngineID], Never>] = [:]
    var sleeps: [CommandID: CheckedContinuation<Void, any Error>] = [:]
    /// Of users whose runtime may be one that is not up yet. At most one for each connection; they go with it.
    var unplaced: [ExternalRequest] = []
    var removals: [CommandID: CheckedContinuation<Void, any Error>] = [:]
    private let finished: AsyncStream<Void>
    private let finishing: AsyncStream<Void>.Continuation
    private(set) var isAborted = false
    private var lastNumber: UInt64 = 0
    private var timer: (moment: Moment, task: Task<Void, Never>)?

    struct WaitingCaller {
        let continuation: CheckedContinuation<Admission, any Error>
        let request: WaitingRequest
        let since: Moment
    }

    public init(
        scheduler: Scheduler, catalog: ModelCatalog, supervisor: ProcessSupervisor, directory: RunDirectory,
        jobs: JobRunner, logger: Logger
    ) {
        self.scheduler = scheduler
        self.catalog = catalog
        self.supervisor = supervisor
        self.directory = directory
        eventFeed = EventFeed(epoch: scheduler.epoch)
        (finished, finishing) = AsyncStream.makeStream()
        self.jobs = jobs
        self.logger = logger
    }

    /// From now on the gateway is told of routes. Call before it listens.
    public func publish(to publisher: any RoutePublisher) {
        self.publisher = publisher
        publishRoutes()
    }

    /// Lets the zygotes start; call once processes can dial in.
    public func start() { feed(.tick) }

    /// Begins to drain and end everything. `waitUntilFinished` tells when all of it is gone.
    public func shutDown() { feed(.shutdown) }

    /// Returns when a shutdown is complete, or the task is cancelled. One task only.
    public nonisolated func waitUntilFinished() async {
        for await _ in finished {}
    }

    func finish() { finishing.finish() }

    /// A part of the controller failed: nobody waits any more, since nothing will be carried out.
    public func abort() {
        isAborted = true
        for caller in waiting.values { caller.continuation.resume(throwing: Self.aborted) }
        for caller in loads.values { caller.resume(throwing: Self.aborted) }
        for caller in unloads.values { caller.resume(returning: []) }
        for caller in sleeps.values { caller.resume(throwing: Self.aborted) }
        for caller in removals.values { caller.resume(throwing: Self.aborted) }
        waiting = [:]
        loads = [:]
        unloads = [:]
        sleeps = [:]
        removals = [:]
        timer?.task.cancel()
        timer = nil
    }

    static let aborted = ControllerError(.shuttingDown, "The controller failed and is ending; see its log.")

    public func handle(_ event: SupervisionEvent) {
        switch event {
        case .zygoteReady(let process):
            feed(.zygoteReady(process))
            placeAgain()
        case .processIdle(let process): feed(.processIdle(process))
        case .processEnded(let process):
            // No request is sent there any more, even before it is known why.
            if let engine = engine(of: process) { permits[engine]?.close() }
        case .processGone(let process, let reason): feed(.processGone(process, reason: reason))
        case .stage(let engine, let generation, let time): feed(.stage(engine, generation, time))
        case .ready(let engine, let generation): feed(.ready(engine, generation))
        case .startFailed(let engine, let generation, let reason):
            feed(.startFailed(engine, generation, reason: reason))
        case .prepared(let process, let isLoaded, let stages):
            feed(.prepared(process, isLoaded: isLoaded, stages: stages))
        case .preparationFailed(let process, let reason): feed(.preparationFailed(process, reason: reason))
        case .suspended(let engine, let generation): feed(.suspended(engine, generation))
        case .resumed(let engine, let generation): feed(.resumed(engine, generation))
        case .suspensionFailed(let engine, let generation, let reason):
            feed(.suspensionFailed(engine, generation, reason: reason))
        case .lease(let event):
            if case .executorGone(let executor) = event { unplaced.removeAll { $0.message.executor == executor } }
            feed(.lease(event))
        case .externalAsked(let request): externalAsked(request)
        }
    }

    /// The engine that dies with the process.
    private func engine(of process: ProcessID) -> EngineID? {
        if case .leased(let engine) = scheduler.processes[process]?.state { return engine }
        if case .leased(let lease, _) = scheduler.pool.workers[process]?.state { return lease.engine }
        return nil
    }

    /// Hands an event to the decision core, and carries out its actions, with the events that these cause at once.
    func feed(_ event: SchedulerEvent) {
        guard !isAborted else { return }
        var events = [event]
        while !events.isEmpty {
            let usage = permits.mapValues {
                EngineUsage(inFlight: $0.inFlight, lastUsed: $0.lastUsed, isClosed: $0.isClosed)
            }
            let actions = scheduler.handle(events.removeFirst(), at: .now, usage: usage)
            tellWhatHappened()
            for action in actions {
                if let outcome = perform(action) { events.append(outcome) }
            }
        }
        for (id, permits) in permits {
            let model = scheduler.engines[id].flatMap { scheduler.models[$0.model] }
            permits.setAwaited(model?.waitingCount ?? 0 > 0)
        }
        setTimer()
    }

    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    private func setTimer() {
        guard let moment = scheduler.nextDeadline else {
            timer?.task.cancel()
            timer = nil
            return
        }
        // One that fires too early sets the next. Not a new one each time: the runtime keeps what it has of a cancelled sleep until
        // that would have ended, and deadlines are minutes away.
        if let timer, timer.moment <= moment { return }
        timer?.task.cancel()
        let task = Task {
            // A little late rather than early, so that the deadline has surely passed.
            let pause = max(moment - .now, .zero) + .milliseconds(1)
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            self.timerFired()
        }
        timer = (moment, task)
    }

    private func timerFired() {
        timer = nil
        feed(.tick)
    }
}

extension Moment {
    /// The kernel's monotonic clock, as NIO reads it, so that event loops and the controller tell the same time.
    static var now: Moment { Moment(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds)) }
}
