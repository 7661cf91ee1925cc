import ControllerConfiguration
import Logging
import Scheduling
import Supervision

// Carrying out what was decided about templates, and their status.

extension WorkerController {
    func inspectForTemplate(_ model: String) {
        // The log of one that failed before tells nothing of the next.
        if scheduler.models[model]?.template?.process == nil { lastTemplate[model] = nil }
        let inspector = ModelInspector(catalog: catalog, threads: ModelInspector.background)
        // One that was given up because it took too long is still going on, and another one would be stuck behind it.
        let isFirst = foldersBeingRead.insert(model).inserted
        jobs.start {
            guard isFirst else {
                let error = ControllerError(
                    .startFailed, "The folder of '\(model)' is still being read. Is its file system well?")
                return await self.feed(.templateInspectionFailed(model: model, error))
            }
            let outcome = await inspector.inspect(model)
            await self.readFolder(of: model, inspector.catalog[model], outcome)
        }
    }

    private func readFolder(
        of model: String, _ configuration: ModelConfiguration?, _ outcome: Result<ModelInspection, ControllerError>?
    ) {
        foldersBeingRead.remove(model)
        // Meanwhile the model may have been removed, and another one made under its name.
        guard catalog[model] == configuration else { return }
        switch outcome {
        case .success(let found): feed(.templateInspected(model: model, found))
        case .failure(let error): feed(.templateInspectionFailed(model: model, error))
        case nil: break
        }
    }

    func prepare(_ order: TemplateOrder) {
        guard let serving = catalog.serving(order) else { return }
        logger.info(
            order.isLoaded ? "template loading weights" : "template preparing",
            metadata: ["process.id": "\(order.process)", "model": "\(order.model)"])
        jobs.start { await self.supervisor.prepare(order, serving) }
    }

    func measureTemplate(_ id: ProcessID) {
        let meter = MemoryMeter(supervisor: supervisor)
        jobs.start {
            guard (try? await Task.sleep(for: Self.measureAfter)) != nil,
                let bytes = await meter.bytes(
                    ofTemplate: id, spares: self.spares(of: id), clones: self.clones(of: id))
            else { return }
            await self.feed(.templateMeasured(id, bytes: bytes))
        }
    }

    /// The processes that live and end with the template, being no engine's.
    func spares(of template: ProcessID) -> [ProcessID] {
        scheduler.processes.values.filter {
            $0.template == template && ($0.state == .idle || $0.state == .starting)
        }.map(\.id)
    }

    /// The processes of engines that share the template's weights.
    private func clones(of template: ProcessID) -> [ProcessID] {
        scheduler.processes.values.filter {
            if case .leased = $0.state { $0.template == template && $0.isLoaded } else { false }
        }.map(\.id)
    }

    /// The last lines of the logs of the templates that failed, by model.
    func failureLogs() async -> [String: [String]] {
        let files = scheduler.models.compactMapValues { model in
            model.hasFailedTemplate ? lastTemplate[model.specification.name].map { directory.log(of: $0) } : nil
        }
        guard !files.isEmpty else { return [:] }
        // Off this actor: files are read.
        return await Task.detached { files.mapValues { LogFile.tail(of: $0, lines: Self.tailLines) } }.value
    }

    /// - Parameter log: of its template, if that failed.
    func templateStatus(
        _ model: ModelRecord, _ processes: [ProcessID: ProcessSnapshot], log: [String]
    ) -> TemplateStatus? {
        guard let state = model.templateState else { return nil }
        let template = model.template
        let snapshot = template?.process.flatMap { processes[$0] }
        return TemplateStatus(
            state: state, process: template?.process?.description, pid: snapshot?.pid,
            hasWeights: template?.isLoaded ?? false,
            footprintBytes: template?.isMeasured == true ? template?.footprint : nil,
            privateBytes: snapshot?.privateBytes, stages: template?.stages ?? [],
            lastError: model.templateError.map { ([$0.message] + log).joined(separator: "\n") })
    }
}

extension ModelRecord {
    fileprivate var hasFailedTemplate: Bool { templateState == "failed" }
}
