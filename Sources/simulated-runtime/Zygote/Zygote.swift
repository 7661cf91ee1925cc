import ControlProtocol

/// Makes templates, front ends and cores.
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
        Situation(state: .idle, versions: ["simulated-runtime": "1"])
    }

    func progress() async -> Int {
        await children.made
    }

    func answer(_ request: ControlMessage) async -> ControlMessage? {
        guard case .fork(let request) = request else { return nil }
        guard request.role != .zygote else {
            return .failed(Failed(re: request.id, reason: "a zygote makes no zygotes"))
        }
        return await children.answer(request)
    }

    func prepareToStop() async {
        await children.end()
    }
}
