import CPlatform
import ControlProtocol
import Foundation

/// A front end or core as its controller sees it: idle, then assigned, with stages, a peer and a progress counter.
actor EngineProcess: Duty {
    private let role: WireRole
    private let device: String
    private let inherited: Inheritance?
    private let link: ControlLink
    private let vitals = Vitals()
    private var assignment: Assign?
    /// The start and the watch over the peer, from the assignment to the end of the process.
    private var tasks: [Task<Void, Never>] = []

    /// - Parameter inherited: what it has from its template; nil if the zygote made it.
    init(role: WireRole, device: String, inherited: Inheritance?, link: ControlLink) {
        self.role = role
        self.device = device
        self.inherited = inherited
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

    func answer(_ request: ControlMessage) async -> ControlMessage? {
        switch request {
        case .assign(let request): assign(request)
        case .sleep(let request) where role == .frontEnd:
            await turn(request.id, request.engine, request.generation, asleep: true)
        case .wake(let request) where role == .frontEnd:
            await turn(request.id, request.engine, request.generation, asleep: false)
        default: nil
        }
    }

    func prepareToStop() {}

    private func assign(_ request: Assign) -> ControlMessage {
        if let reason = reasonAgainst(request) { return .failed(Failed(re: request.id, reason: reason)) }
        let peer = wc_pidfd_open(pid_t(request.peerPid))
        guard peer >= 0 else {
            return .failed(Failed(re: request.id, reason: "peer \(request.peerPid): \(errnoText(-peer))"))
        }
        var own = request
        if let inherited { (own.path, own.arguments) = (inherited.path, inherited.arguments) }
        assignment = own
        tasks = [Task { await watch(peer, of: own) }, Task { await start(own) }]
        return .accepted(Accepted(re: request.id))
    }

    private func reasonAgainst(_ request: Assign) -> String? {
        if let assignment { return "not idle: \(assignment.engine) is here" }
        if request.worldSize != 1 { return "world size \(request.worldSize) is not supported by this runtime, only 1" }
        if request.names.isEmpty { return "no names to serve the engine under" }
        guard pid_t(exactly: request.peerPid) != nil else { return "peer \(request.peerPid) is no process" }
        return [request.socket, request.inputSocket, request.outputSocket].first { !$0.hasPrefix("/") }
            .map { "not an absolute path: \($0)" }
    }

    /// `sleep` and `wake`. While it sleeps the server refuses requests: the controller sends none.
    private func turn(_ id: Int, _ engine: String, _ generation: WireGeneration, asleep: Bool) async -> ControlMessage {
        guard let assignment, (engine, generation) == (assignment.engine, assignment.generation),
            vitals.service != .none, let arguments = try? SimulatedArguments(assignment.arguments)
        else { return .failed(Failed(re: id, reason: "\(engine) does not serve here")) }
        try? await Task.sleep(for: asleep ? arguments.sleep : arguments.wake)
        vitals.serves(asleep ? .asleep : .ready)
        return .done(Done(re: id))
    }

    private func watch(_ peer: Int32, of request: Assign) async {
        await ProcessWatch.end(of: peer)
        log("the engine's other process ended", ["engine": request.engine, "pid": "\(request.peerPid)"])
        endProcess(.alone)
    }

    private func start(_ request: Assign) async {
        let link = link
        var stages = Stages(role: role, inherited: inherited?.stages ?? [], vitals: vitals) { stage, error in
            await link.send(
                .stage(
                    Stage(
                        engine: request.engine, generation: request.generation, stage: stage.stage,
                        milliseconds: stage.milliseconds, error: error)))
        }
        do {
            let start: any EngineStart =
                role == .core
                ? CoreStart(assignment: request, vitals: vitals)
                : FrontEndStart(assignment: request, weights: inherited?.weights, vitals: vitals)
            try await start.run(&stages)
        } catch {
            await stages.fail(error)
        }
    }
}

/// The start of one role's part of an engine. What serves afterwards lives as long as the process.
protocol EngineStart: Sendable {
    func run(_ stages: inout Stages) async throws
}
