import CPlatform
import ControlProtocol
import Foundation

/// A front end or core as its controller sees it: idle, then assigned, with stages, a peer and a progress counter.
actor EngineProcess: Duty {
    private let role: WireRole
    private let device: String
    private let inherited: Inheritance?
    private let dial: DialOptions
    private let link: ControlLink
    private let vitals = Vitals()
    private var assignment: Assign?
    /// Of a front end: the way to its core.
    private var core: EngineLink.Listener?
    /// Of a core: what it runs its model on.
    private var executor: (any Executor)?
    private var isTurning = false
    private var isStopping = false
    /// The start and the watch over the peer, from the assignment to the end of the process.
    private var tasks: [Task<Void, Never>] = []

    /// - Parameter inherited: what it has from its template; nil if the zygote made it.
    init(role: WireRole, device: String, inherited: Inheritance?, dial: DialOptions, link: ControlLink) {
        self.role = role
        self.device = device
        self.inherited = inherited
        self.dial = dial
        self.link = link
    }

    func situation() -> Situation {
        Situation(
            state: assignment == nil ? .idle : .assigned, device: device, engine: assignment?.engine,
            generation: assignment?.generation)
    }

    func progress() -> Int {
        vitals.progress
    }

    func cacheBytes() -> Int {
        vitals.cacheBytes
    }

    func answer(_ request: ControlMessage) -> Response {
        switch request {
        case .assign(let request): assign(request)
        case .sleep(let request): turn(.sleep, request.id, request.engine, request.generation)
        case .wake(let request): turn(.wake, request.id, request.engine, request.generation)
        case .park(let request): turn(.park, request.id, request.engine, request.generation)
        case .unpark(let request): turn(.unpark, request.id, request.engine, request.generation)
        default: .notTaken
        }
    }

    /// A core gives its workers back first.
    func prepareToStop() async {
        isStopping = true
        await executor?.release()
    }

    private func assign(_ request: Assign) -> Response {
        if let reason = reasonAgainst(request) { return .failed(request.id, reason) }
        let peer = wc_pidfd_open(pid_t(request.peerPid))
        guard peer >= 0 else { return .failed(request.id, "peer \(request.peerPid): \(errnoText(-peer))") }
        var own = request
        if let inherited { (own.path, own.arguments) = (inherited.path, inherited.arguments) }
        assignment = own
        let start = start(of: own)
        return .nowAndBegin(.accepted(Accepted(re: request.id))) { [own] in
            await self.begin(start, of: own, peer: peer)
        }
    }

    private func begin(_ start: any EngineStart, of request: Assign, peer: Int32) {
        tasks = [Task { await watch(peer, of: request) }, Task { await run(start, of: request) }]
    }

    private func reasonAgainst(_ request: Assign) -> String? {
        if let assignment { return "not idle: \(assignment.engine) is here" }
        guard request.worldSize == 1 || request.executor == .remote && request.worldSize > 1 else {
            return "world size \(request.worldSize) is not to be had with this executor"
        }
        if request.names.isEmpty { return "no names to serve the engine under" }
        guard pid_t(exactly: request.peerPid) != nil else { return "peer \(request.peerPid) is no process" }
        return [request.socket, request.inputSocket, request.outputSocket].first { !$0.hasPrefix("/") }
            .map { "not an absolute path: \($0)" }
    }

    private func turn(_ turn: EngineTurn, _ id: Int, _ engine: String, _ generation: WireGeneration) -> Response {
        guard role == .frontEnd else { return .notTaken }
        guard let assignment, (engine, generation) == (assignment.engine, assignment.generation), let core,
            !isTurning, turn.isPossible(in: vitals.service),
            let arguments = try? SimulatedArguments(assignment.arguments)
        else { return .failed(id, "\(engine) cannot \(turn) here and now") }
        guard turn != .park || assignment.executor == .remote else {
            return .failed(id, "\(engine) has no leased workers to give back")
        }
        isTurning = true
        return .later {
            let answer = await self.carryOut(turn, id, arguments, core)
            await self.hasTurned()
            return answer
        }
    }

    private func hasTurned() {
        isTurning = false
    }

    private func carryOut(
        _ turn: EngineTurn, _ id: Int, _ arguments: SimulatedArguments, _ core: EngineLink.Listener
    ) async -> ControlMessage {
        // No request reaches the core from here on.
        if turn.service != .ready { vitals.serves(turn.service) }
        do {
            switch turn {
            case .sleep: try await Task.sleep(for: arguments.sleep)
            case .wake: try await Task.sleep(for: arguments.wake)
            case .park, .unpark:
                let answer = try await core.ask(turn == .park ? .park : .unpark)
                if case .failed(let reason) = answer { return .failed(Failed(re: id, reason: reason)) }
            }
            vitals.serves(turn.service)
            return .done(Done(re: id))
        } catch {
            return .failed(Failed(re: id, reason: "\(error)"))
        }
    }

    private func watch(_ peer: Int32, of request: Assign) async {
        await ProcessWatch.end(of: peer)
        // Both are stopped at the same time: one that still gives its workers back ends when that is done.
        guard !isStopping else { return }
        log("the engine's other process ended", ["engine": request.engine, "pid": "\(request.peerPid)"])
        endProcess(.alone)
    }

    private func run(_ start: any EngineStart, of request: Assign) async {
        let link = link
        var stages = Stages(role: role, inherited: inheritedStages(request), vitals: vitals) { stage, error in
            await link.send(
                .stage(
                    Stage(
                        engine: request.engine, generation: request.generation, stage: stage.stage,
                        milliseconds: stage.milliseconds, error: error)))
        }
        do {
            try await start.run(&stages)
        } catch {
            await stages.fail(error)
        }
    }

    /// Leased workers have nothing of a template's.
    private func inheritedStages(_ request: Assign) -> Set<StartStage> {
        let stages = inherited?.stages ?? []
        return request.executor == .remote ? stages.subtracting([.attach, .load]) : stages
    }

    private func start(of request: Assign) -> any EngineStart {
        guard role == .core else {
            let core = EngineLink.Listener()
            self.core = core
            return FrontEndStart(assignment: request, weights: inherited?.weights, vitals: vitals, core: core)
        }
        let executor: any Executor =
            request.executor == .remote
            ? RemoteExecutor(ExecutorWish(request, dial), vitals: vitals, ended: { _ in endProcess(.failed) })
            : InProcessExecutor(vitals: vitals)
        self.executor = executor
        return CoreStart(assignment: request, executor: executor)
    }
}

/// The start of one role's part of an engine. What serves afterwards lives as long as the process.
protocol EngineStart: Sendable {
    func run(_ stages: inout Stages) async throws
}
