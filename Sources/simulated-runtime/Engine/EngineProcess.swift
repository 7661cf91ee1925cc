import CPlatform
import ControlProtocol
import Foundation

/// A front end or core as its controller sees it: idle, then assigned, with stages, a peer and a progress counter.
actor EngineProcess: Duty {
    private let role: WireRole
    private let device: String
    private let link: ControlLink
    private let work = Progress()
    private var assignment: Assign?
    /// The start and the watch over the peer, from the assignment to the end of the process.
    private var tasks: [Task<Void, Never>] = []

    init(role: WireRole, device: String, link: ControlLink) {
        self.role = role
        self.device = device
        self.link = link
    }

    func situation() -> Situation {
        Situation(device: device, engine: assignment?.engine, generation: assignment?.generation)
    }

    func progress() -> Int {
        work.count
    }

    func answer(_ request: ControlMessage) -> ControlMessage? {
        guard case .assign(let request) = request else { return nil }
        if let reason = reasonAgainst(request) { return .failed(Failed(re: request.id, reason: reason)) }
        let peer = wc_pidfd_open(pid_t(request.peerPid))
        guard peer >= 0 else {
            return .failed(Failed(re: request.id, reason: "peer \(request.peerPid): \(errnoText(-peer))"))
        }
        assignment = request
        tasks = [Task { await watch(peer, of: request) }, Task { await start(request) }]
        return .accepted(Accepted(re: request.id))
    }

    func prepareToStop() {}

    private func reasonAgainst(_ request: Assign) -> String? {
        if let assignment { return "not idle: \(assignment.engine) is here" }
        if request.worldSize != 1 { return "world size \(request.worldSize) is not supported by this runtime, only 1" }
        if request.names.isEmpty { return "no names to serve the engine under" }
        guard pid_t(exactly: request.peerPid) != nil else { return "peer \(request.peerPid) is no process" }
        return [request.socket, request.inputSocket, request.outputSocket].first { !$0.hasPrefix("/") }
            .map { "not an absolute path: \($0)" }
    }

    private func watch(_ peer: Int32, of request: Assign) async {
        await ProcessWatch.end(of: peer)
        log("the engine's other process ended", ["engine": request.engine, "pid": "\(request.peerPid)"])
        endProcess(.alone)
    }

    private func start(_ request: Assign) async {
        var stages = Stages(role: role, assignment: request, link: link, work: work)
        do {
            let start: any EngineStart =
                role == .core ? CoreStart(assignment: request) : FrontEndStart(assignment: request, work: work)
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
