import ControlProtocol

/// Holds one model ready, with or without its weights, and makes front ends and cores that need not begin anew.
actor Template: Duty {
    private let device: String
    private let link: ControlLink
    private let children: Children
    private let vitals = Vitals()
    private var state = WireState.idle
    private var model: Prepare?
    private var weights: Weights?
    /// The stages of the present preparation.
    private var stages: [WireStageTime] = []
    private var preparation: Task<Void, Never>?

    init(dial: DialOptions, device: String, link: ControlLink, behaviour: RuntimeBehaviour) {
        self.device = device
        self.link = link
        children = Children(dial: dial, link: link, behaviour: behaviour)
    }

    func situation() -> Situation {
        Situation(state: state, device: device)
    }

    func progress() -> Int {
        vitals.progress
    }

    func answer(_ request: ControlMessage) async -> Response {
        switch request {
        case .prepare(let request): prepare(request)
        case .fork(let request): .now(await fork(request))
        default: .notTaken
        }
    }

    /// What it made lives on: an engine needs no template, and the controller ends whom it wants to.
    func prepareToStop() {}

    private func fork(_ request: Fork) async -> ControlMessage {
        guard request.role == .frontEnd || request.role == .core else {
            return .failed(Failed(re: request.id, reason: "a template makes only front ends and cores"))
        }
        guard state == .prepared, let model else {
            return .failed(Failed(re: request.id, reason: "the template is not prepared"))
        }
        vitals.add()
        return await children.answer(
            request, inherited: Inheritance(path: model.path, arguments: model.arguments, weights: weights))
    }

    private func prepare(_ request: Prepare) -> Response {
        if let reason = reasonAgainst(request) { return .failed(request.id, reason) }
        let isNew = model == nil
        state = .preparing
        model = request
        stages = []
        return .nowAndBegin(.accepted(Accepted(re: request.id))) { await self.begin(request, isNew: isNew) }
    }

    private func begin(_ request: Prepare, isNew: Bool) {
        preparation = Task { await run(request, isNew: isNew) }
    }

    private func reasonAgainst(_ request: Prepare) -> String? {
        if state == .preparing { return "not idle: the template is preparing" }
        if request.names.isEmpty { return "no names to serve the model under" }
        guard let model else { return nil }
        if (model.model, model.path, model.arguments) != (request.model, request.path, request.arguments) {
            return "not idle: '\(model.model)' is here"
        }
        return !request.weights || weights != nil ? "'\(model.model)' is prepared already" : nil
    }

    private func run(_ request: Prepare, isNew: Bool) async {
        var stages = Stages(role: .template, vitals: vitals) { await self.ended($0, error: $1) }
        do {
            let arguments = try await stages.configure(request.arguments, isReported: isNew)
            if isNew { try await stages.run(.app) {} }
            if request.weights {
                try await stages.run(.attach) {}
                try await stages.run(.load) { try await OwnedMemory.take(bytes: arguments.memoryBytes) }
                weights = Weights(folder: request.path)
            }
        } catch {
            await stages.fail(error)
        }
        state = .prepared
        await report(error: nil)
    }

    private func ended(_ stage: WireStageTime, error: String?) async {
        if let error { await report(error: error) } else { stages.append(stage) }
    }

    private func report(error: String?) async {
        guard let model else { return }
        await link.send(
            .prepared(
                Prepared(
                    model: model.model, weights: model.weights, stages: stages, privateBytes: PrivateMemory.bytes(),
                    error: error)))
    }
}
