//! A deadline for every request to the apiserver but watches.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as Streamed, Bytes};
use kube::client::Body;
use tokio::time::timeout;
use tower::{BoxError, Layer, Service};

use super::client::watched;

/// Gives a request up that was not answered whole within this time; whether it took effect is unknown then. A watch may
/// be silent for longer: it has the limits of its connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience(pub Duration);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not answered within {} s", .0.as_secs())]
pub(super) struct Expired(Duration);

impl<S> Layer<S> for Patience {
    type Service = Patient<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Patient {
            inner,
            patience: self.0,
        }
    }
}

/// See [`Patience`].
#[derive(Debug, Clone)]
pub(super) struct Patient<S> {
    inner: S,
    patience: Duration,
}

impl<S, B> Service<Request<Body>> for Patient<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + 'static,
    B: Streamed<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (watch, patience) = (watched(request.uri()).is_some(), self.patience);
        let answer = self.inner.call(request);
        if watch {
            return Box::pin(async move {
                let answer = answer.await.map_err(Into::into)?;
                Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
            });
        }
        let whole = async move {
            let (head, body) = answer.await.map_err(Into::into)?.into_parts();
            // Whoever asked wants all of it at once anyway.
            let bytes = body.collect().await.map_err(Into::into)?.to_bytes();
            let body = Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
            Ok(Response::from_parts(head, body))
        };
        Box::pin(async move { timeout(patience, whole).await.map_err(|_| Expired(patience))? })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;
    use std::pin::Pin;

    use axum::Router;
    use axum::body::Body as AnswerBody;
    use axum::response::Response as Answer;
    use hyper::body::Frame;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;
    use kube::api::{ListParams, WatchParams};
    use kube::client::ClientBuilder;
    use tokio::time::Instant;

    use super::*;

    const A_MINUTE: Duration = Duration::from_mins(1);

    /// A body that begins and does not end.
    struct Endless(Option<Bytes>);

    impl Streamed for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.take() {
                Some(begin) => Poll::Ready(Some(Ok(Frame::data(begin)))),
                None => Poll::Pending,
            }
        }
    }

    fn maps(apiserver: Router) -> Api<ConfigMap> {
        let builder = ClientBuilder::new(apiserver, "default");
        Api::default_namespaced(builder.with_layer(&Patience(A_MINUTE)).build())
    }

    fn silent() -> Router {
        Router::new().fallback(pending::<Answer>)
    }

    fn half() -> Router {
        let begin = || Endless(Some(Bytes::from_static(b"{\"kind\":")));
        Router::new().fallback(move || std::future::ready(Answer::new(AnswerBody::new(begin()))))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_answered_whole_is_given_up_after_its_time() {
        for apiserver in [silent(), half()] {
            let begun = Instant::now();
            let error = maps(apiserver).list(&ListParams::default()).await.unwrap_err();
            assert_eq!(begun.elapsed().as_secs(), A_MINUTE.as_secs());
            let kube::Error::Service(error) = error else {
                panic!("{error:?}");
            };
            assert_eq!(error.to_string(), "not answered within 60 s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_may_be_silent_for_longer() {
        let watch = maps(silent());
        let params = WatchParams::default();
        let long = timeout(10 * A_MINUTE, watch.watch(&params, "0")).await;
        assert!(long.is_err(), "the watch was given up");
    }
}
