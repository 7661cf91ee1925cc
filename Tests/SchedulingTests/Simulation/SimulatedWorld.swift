import Scheduling

/// A tiny world around a scheduler: it carries the actions out with random delays and failures, under a virtual clock,
/// and checks after every event that what must hold does.
struct SimulatedWorld {
    struct Process {
        let role: ProcessRole
        let runtime: RuntimeName
        var engine: EngineID?
        /// A template's, and of what it forked: the model folder's version that its weights are from; nil: it has none.
        var weights: Int?
        var isPreparing = false
        /// Its end has happened or is on its way.
        var isDying = false
        var isGone = false
        var isAskedToEnd = false
    }

    struct Engine {
        let model: String
        let processes: [ProcessID]
        let limit: Int
        var isReady = false
        var inFlight = 0
        var isClosed = false
        var isWatched = false
        var lastUsed = Moment(nanoseconds: 0)
    }

    var scheduler: Scheduler
    var random: SplitMix64
    var agenda = Agenda()
    var ledger = Ledger()
    var now = Moment(nanoseconds: 0)
    var processes: [ProcessID: Process] = [:]
    var executors: [ExecutorID: Executor] = [:]
    var lastExecutor: UInt64 = 0
    var engines: [EngineID: Engine] = [:]
    let resets: [RuntimeName: ResetPolicy]
    /// Model name to the bytes of its weights.
    var weights: [String: Int] = [:]
    /// Model name to the version of its files.
    var versions: [String: Int] = [:]
    /// The ready engines, as last published.
    var routes: Set<EngineID> = []
    var stimuliLeft: Int
    /// Nothing fails any more.
    var isCalm = false
    var isShuttingDown = false
    var finishedCount = 0
    /// Events that can come twice, or late.
    var repeatable: [SchedulerEvent] = []
    var eventCount = 0
    /// The scheduler's ready and draining engines after the event before, and those that stood for their models.
    var readyBefore: Set<EngineID> = []
    var standingBefore: Set<EngineID> = []
    var replicasBefore: Set<EngineID> = []
    var errorsBefore: [ControllerError] = []
    var drainingBefore: [EngineID: Moment?] = [:]
    /// How often what happened: a world in which little happens proves little.
    var tally: [String: Int] = [:]
    /// The first thing that was wrong.
    var failure: String?
    /// What happened, for people; nil: not wanted.
    var trace: [String]?

    /// - Parameter stimuli: how many things happen from outside before the world calms down. The first n are the same
    ///   whatever their number.
    init(seed: UInt64, stimuli: Int, isTraced: Bool) {
        var random = SplitMix64(seed: seed)
        let setup = SimulatedSetup(&random)
        scheduler = Scheduler(
            epoch: 1, limits: setup.limits, devices: setup.devices, models: setup.models, runtimes: setup.runtimes)
        resets = setup.resets
        weights = setup.weights
        versions = setup.weights.mapValues { _ in 1 }
        self.random = random
        stimuliLeft = stimuli
        trace = isTraced ? [] : nil
    }

    /// Runs until nothing is left to happen, shuts down, and runs until that is done.
    mutating func run() {
        deliver(.tick)
        agenda.plan(.stimulus, at: now)
        runUntilRest()
        checkRest()
        if !isShuttingDown {
            deliver(.shutdown)
            runUntilRest()
        }
        checkEnd()
    }

    private mutating func runUntilRest() {
        // Well above what any sequence needs: one that gets there never comes to rest.
        let most = eventCount + 20_000
        while failure == nil {
            let deadline = scheduler.nextDeadline
            guard let moment = [agenda.next, deadline].compactMap(\.self).min() else { return }
            guard eventCount < most else { return fail("the world does not come to rest") }
            now = max(now, moment)
            if let next = agenda.next, next <= moment, let entry = agenda.takeNext() {
                happen(entry)
            } else {
                deliver(.tick)
            }
        }
    }

    private mutating func happen(_ entry: Agenda.Entry) {
        switch entry {
        case .event(let event): deliver(event)
        case .stimulus: stimulate()
        case .requestEnds(let engine): release(engine)
        }
    }

    /// Hands the event to the scheduler and carries out what it decides.
    mutating func deliver(_ event: SchedulerEvent) {
        guard failure == nil, note(event) else { return }
        eventCount += 1
        trace?.append("\(now.nanoseconds / 1_000_000) ms: \(event)")
        let usage = engines.filter { scheduler.engines[$0.key] != nil }.mapValues {
            EngineUsage(inFlight: $0.inFlight, lastUsed: $0.lastUsed, isClosed: takesNothing($0))
        }
        let actions = scheduler.decide(event, at: now, usage: usage)
        for action in actions {
            trace?.append("    -> \(action)")
            check(action)
            carryOut(action)
        }
        checkState(after: actions)
    }

    /// Keeps the world's own books of an event; says false if it is to be dropped.
    private mutating func note(_ event: SchedulerEvent) -> Bool {
        switch event {
        case .request(let id, _, _): ledger.arrived(id)
        case .returned(let id, _, _, _):
            count(isShuttingDown ? "returned in shutdown" : "returned")
            return ledger.cameBack(id)
        case .evictionRefused(let id):
            let isUnwanted = isShuttingDown || scheduler.engines[id]?.drainBy == nil
            count(isUnwanted ? "eviction refused too late" : "eviction refused")
        case .withdraw(let id): ledger.withdrawn(id)
        case .processGone(let id, _): processes[id]?.isGone = true
        case .prepared(let id, _, _): processes[id]?.isPreparing = false
        case .suspended: count("suspended")
        case .resumed: count("resumed")
        case .ready(let id, _): engines[id]?.isReady = true
        case .lease(let event): note(event)
        case .shutdown: isShuttingDown = true
        default: break
        }
        switch event {
        case .withdraw, .permitReleased, .zygoteReady, .processIdle, .processGone, .inspected, .stage, .ready,
            .startFailed, .measured, .prepared, .templateInspected, .suspended, .resumed, .lease:
            repeatable.append(event)
        default: break
        }
        return true
    }

    mutating func plan(_ event: SchedulerEvent, after delay: Duration) {
        agenda.plan(.event(event), at: now + delay)
    }

    mutating func count(_ occurrence: String) { tally[occurrence, default: 0] += 1 }

    mutating func fail(_ reason: String) {
        if failure == nil { failure = reason }
    }
}
