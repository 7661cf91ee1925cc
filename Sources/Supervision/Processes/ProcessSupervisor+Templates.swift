import ControlProtocol
import Scheduling

// Templates: what they are told of their models, and what they tell.

extension ProcessSupervisor {
    /// Tells a template its model, or to load the model's weights too. That it is ready, or could not be made, is told by an
    /// event; so is its end.
    public func prepare(_ order: TemplateOrder, _ serving: EngineServing) async {
        let id = order.process
        guard let connection = processes[id]?.connection else {
            return await tell(.preparationFailed(id, reason: "The template \(id) is not connected."))
        }
        let refusal = await refusal(of: connection) {
            .prepare(
                Prepare(
                    id: $0, deadlineMilliseconds: $1, model: order.model, names: serving.names, path: serving.path,
                    arguments: serving.arguments, environment: serving.environment,
                    device: order.device.description, cores: serving.cores, weights: order.isLoaded,
                    executor: serving.executor, worldSize: serving.leasedWorkers > 0 ? serving.worldSize : nil))
        }
        guard let refusal, await !hasEnded([id]) else { return }
        await tell(.preparationFailed(id, reason: refusal))
    }

    func received(_ prepared: Prepared, from id: ProcessID) async {
        processes[id]?.privateBytes = prepared.privateBytes
        if let error = prepared.error { return await tell(.preparationFailed(id, reason: error)) }
        let stages = prepared.stages.map { StageTime(stage: $0.stage, milliseconds: $0.milliseconds) }
        await tell(.prepared(id, isLoaded: prepared.weights, stages: stages))
    }
}
