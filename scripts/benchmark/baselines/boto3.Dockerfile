# The project's own image, with boto3 imported before its handler.
ARG IMAGE
FROM ${IMAGE}
RUN printf 'import boto3\nfrom lambda_function import lambda_handler\n' >${LAMBDA_TASK_ROOT}/with_boto3.py
CMD ["with_boto3.lambda_handler"]
