import ControlProtocol

/// Makes templates, front ends, cores and workers.
struct Zygote: Duty {
    private let link: ControlLink
    private let children: Children

    private init(dial: DialOptions, behaviour: RuntimeBehaviour) {
        link = ControlLink(identity: .init(dial: dial, role: .zygote, helloVersion: behaviour.helloVersion))
        children = Children(dial: dial, link: link, behaviour: behaviour)
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
        await zygote.children.end()
        return end
    }

    func situation() -> Situation {
        Situation(state: .idle, versions: [ExecutorWish.runtime: ExecutorWish.version])
    }

    func progress() async -> Int {
        await children.made
    }

    func answer(_ request: ControlMessage) async -> Response {
        guard case .fork(let request) = request else { return .notTaken }
        if let reason = reasonAgainst(request) { return .failed(request.id, reason) }
        return .now(await children.answer(request))
    }

    private func reasonAgainst(_ request: Fork) -> String? {
        switch request.role {
        case .zygote: return "a zygote makes no zygotes"
        case .executor: return "an executor is no process of its own"
        case .template, .frontEnd, .core: return nil
        case .worker:
            guard let socket = request.socket else { return "a worker needs a socket to listen on" }
            return socket.hasPrefix("/") ? nil : "not an absolute path: \(socket)"
        }
    }

    func prepareToStop() async {
        await children.end()
    }
}
